"""Which executions travel together in one message.

A message costs the broker and both ends much more than an execution in it, so short executions share one. But all of a
message goes to one worker, and whoever is behind a long execution there waits for it while others are idle. So a
message carries a few milliseconds of work; an execution that takes longer, or nobody knows how long, travels alone.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from attune_executor.ports.broker import Dispatch

MOST: Final = 32
WORK_SECONDS: Final = 0.02


def together(dispatches: Iterable[Dispatch]) -> Iterator[list[Dispatch]]:
    """Split ``dispatches`` into messages, in order."""
    batch: list[Dispatch] = []
    work = 0.0
    for dispatch in dispatches:
        seconds = WORK_SECONDS if dispatch.expected_seconds is None else dispatch.expected_seconds
        if batch and (len(batch) >= MOST or work + seconds > WORK_SECONDS):
            yield batch
            batch, work = [], 0.0
        batch.append(dispatch)
        work += seconds
    if batch:
        yield batch
