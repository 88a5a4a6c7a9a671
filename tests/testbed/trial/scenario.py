"""The trial's course: submit in bursts, watch the queues, wait until all is done."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from testbed.attune.client import Caller
from testbed.attune.cluster_view import seconds_since
from testbed.demo.board import Board, Moment, QueueLine
from testbed.trial.work import ACTIONS, Work

_BATCH: Final = 50
_BATCHES_PER_BURST: Final = 5
_SECONDS_BETWEEN_BURSTS: Final = 1.0
_DONE_SECONDS: Final = 300.0
_DECLARED_SECONDS: Final = 120.0
_GLANCE_SECONDS: Final = 0.2


class TrialError(RuntimeError):
    """The trial did not come to its end; the message says where it stood."""


@dataclass
class Course:
    """What is known so far: ids by idempotency key, and by action the most seen active at once."""

    ids: dict[str, int] = field(default_factory=dict[str, int])
    peaks: dict[str, int] = field(default_factory=dict[str, int])
    note: str = ""
    queues: Sequence[QueueLine] = ()
    seconds: float = 0.0


class Scenario:
    """Runs once against an executor without a past."""

    def __init__(self, caller: Caller, board: Board, workers: int) -> None:
        self._caller = caller
        self._board = board
        self._workers = workers
        self._course = Course()

    async def run(self, work: Work) -> Course:
        """Do all the work.

        Raises:
            TrialError: it was not done in time.
        """
        watching = asyncio.create_task(self._watch())
        try:
            await self._until(lambda: len(self._course.queues) == len(ACTIONS), _DECLARED_SECONDS, watching)
            started = time.monotonic()
            await self._submit(work)
            await self._until(lambda: self._done() >= len(work.wanted), _DONE_SECONDS, watching)
            self._course.seconds = time.monotonic() - started
        finally:
            watching.cancel()
        return self._course

    async def _submit(self, work: Work) -> None:
        for start in range(0, len(work.wanted), _BATCH):
            self._course.ids.update(await self._caller.submit(work.wanted[start : start + _BATCH]))
            self._course.note = f"{len(self._course.ids)} of {len(work.wanted)} accepted"
            if (start // _BATCH + 1) % _BATCHES_PER_BURST == 0:
                await asyncio.sleep(_SECONDS_BETWEEN_BURSTS)

    async def _until(self, condition: Callable[[], bool], seconds: float, watching: asyncio.Task[None]) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if watching.done():
                watching.result()
            if time.monotonic() > deadline:
                raise TrialError(f"not done after {seconds:.0f} s: {self._course.note}, queues {self._course.queues}")
            await asyncio.sleep(_GLANCE_SECONDS / 4)

    def _done(self) -> int:
        return sum(queue.done for queue in self._course.queues)

    async def _watch(self) -> None:
        while True:
            queues: list[dict[str, Any]] = await self._caller.get("/api/v1/queues")
            now = datetime.now(UTC)
            self._course.queues = [
                QueueLine(
                    queue["action_ref"],
                    queue["queue_length"],
                    queue["active_count"],
                    queue["total_completed"],
                    seconds_since(queue["oldest_enqueued_at"], now),
                )
                for queue in queues
            ]
            for queue in self._course.queues:
                self._course.peaks[queue.action] = max(self._course.peaks.get(queue.action, 0), queue.running)
            self._board.show(Moment(self._course.queues, self._workers, self._workers, self._course.note))
            await asyncio.sleep(_GLANCE_SECONDS)
