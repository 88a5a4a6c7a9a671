"""Actions that do next to nothing: to try a queue out, and to hold a slot for a while."""

import asyncio
from typing import Annotated, Any

from pydantic import Field

from attune_executor.worker.registry import action


@action("core.echo")
async def echo(**parameters: Any) -> dict[str, Any]:
    """Return the parameters."""
    return parameters


@action("core.sleep")
async def sleep(seconds: Annotated[float, Field(ge=0, le=7 * 24 * 3600)]) -> dict[str, float]:
    """Hold a slot for so many seconds."""
    await asyncio.sleep(seconds)
    return {"slept_seconds": seconds}
