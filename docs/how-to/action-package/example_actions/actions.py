"""Three actions, one for each place that an action can run in."""

import asyncio
import hashlib
from pathlib import Path
from typing import Annotated, Literal

from attune_executor.worker import ActionError, action
from pydantic import BaseModel, Field


@action("example.wait_for_port", timeout_seconds=300)
async def wait_for_port(host: str, port: Annotated[int, Field(ge=1, le=65535)], attempts: int = 10) -> dict[str, int]:
    """Runs on the worker's loop: it waits for others most of the time, and never blocks."""
    for attempt in range(1, attempts + 1):
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return {"attempts": attempt}
    raise ActionError(f"{host}:{port} does not answer: is the service up?", host=host, port=port)


class Checksum(BaseModel):
    path: str
    digest: str
    size_bytes: int


@action("example.checksum")
def checksum(path: str, algorithm: Literal["sha256", "blake2b"] = "sha256") -> Checksum:
    """Runs in a thread: it calls what blocks, and it ends by itself."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ActionError(f"cannot read {path}: {error.strerror}") from error
    return Checksum(path=path, digest=hashlib.new(algorithm, content).hexdigest(), size_bytes=len(content))


@action("example.primes", run_in="process", timeout_seconds=60)
def primes(below: Annotated[int, Field(ge=2, le=10_000_000)]) -> dict[str, int]:
    """Runs in a process: it computes, would hold up everything else, and can be killed."""
    sieve = bytearray([1]) * below
    sieve[:2] = bytes(2)
    for number in range(2, int(below**0.5) + 1):
        if sieve[number]:
            sieve[number * number :: number] = bytes(len(range(number * number, below, number)))
    return {"count": sum(sieve)}
