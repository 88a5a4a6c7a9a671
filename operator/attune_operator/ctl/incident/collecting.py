"""Collects one part after the other; a part that fails is a line in the index and spoils no other."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Final

from attune_operator.ctl.errors import CtlError
from attune_operator.ctl.incident.archive import Archive
from attune_operator.ctl.incident.index import Outcome

_PART_SECONDS: Final = 120.0


class Collector:
    """Keeps account of parts, and says on stderr what goes on."""

    def __init__(self, archive: Archive) -> None:
        self.outcomes: list[Outcome] = []
        self._archive = archive

    async def part(self, what: str, collect: Callable[[], Awaitable[None]]) -> bool:
        """Collect a part; whether it is whole."""
        before = set(self._archive.sizes)
        problem: str | None = None
        try:
            async with asyncio.timeout(_PART_SECONDS):
                await collect()
        except CtlError as error:
            problem = str(error)
        except TimeoutError:
            problem = f"not done after {_PART_SECONDS:.0f} s"
        except Exception as error:  # noqa: BLE001 - whatever it is, the other parts are wanted all the more
            problem = f"{type(error).__name__}: {error}"
        files = {name: size for name, size in self._archive.sizes.items() if name not in before}
        self.outcomes.append(Outcome(what, files, problem))
        mark = "-" if problem else "+"
        sys.stderr.write(f"{mark} {what}{f': {problem}' if problem else ''}\n")
        return problem is None

    def missing(self, what: str, problem: str) -> None:
        """Note a part that cannot even be tried."""
        self.outcomes.append(Outcome(what, {}, problem))
        sys.stderr.write(f"- {what}: {problem}\n")
