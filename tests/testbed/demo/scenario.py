"""The demo's course: submit in bursts, kill the leader once in the middle, wait until all is done, judge."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from testbed.attune.client import Caller, Wanted
from testbed.attune.cluster_view import ClusterView, seconds_since
from testbed.demo.board import Board, Moment, QueueLine
from testbed.demo.verdict import TERMINAL, Verdict, fifo_violations, rows_of, wrong_results
from testbed.demo.work import HTTP, SHELL, SLEEP, Work

_BATCH = 100
_BATCHES_PER_BURST = 5
_SECONDS_BETWEEN_BURSTS = 4.0
_DONE_SECONDS = 600.0
_MINIMUM_SECONDS = 240.0
_ACTIONS = (SHELL, HTTP, SLEEP)
_ROWS = """
    SELECT json_build_array(id, action_ref, status, queue_order, dispatch_order, result)
    FROM attune.execution WHERE id = ANY('{{{ids}}}') ORDER BY id
"""


class DemoError(RuntimeError):
    """The demo did not come to its end; the message says where it stood."""


@dataclass
class Course:
    """What is known so far."""

    ids: dict[str, int] = field(default_factory=dict[str, int])
    peak_workers: int = 0
    note: str = ""
    moment: Moment | None = None


class Scenario:
    """Runs once against a namespace in which Attune and the demo's policies are in place."""

    def __init__(self, view: ClusterView, caller: Caller, console: Console, minimum_workers: int) -> None:
        self._view = view
        self._caller = caller
        self._console = console
        self._minimum_workers = minimum_workers
        self._course = Course()
        self._started = time.monotonic()

    async def run(self, work: Work) -> Verdict:
        """Do all the work and judge it.

        Raises:
            ExceptionGroup: of a DemoError where it was not done in time, or of what broke.
        """
        with Board(self._console) as board:
            async with asyncio.TaskGroup() as tasks:
                watching = tasks.create_task(self._watch(board))
                await self._until(lambda: self._course.moment is not None, _DONE_SECONDS, "the API does not answer")
                done_before = self._done()
                async with asyncio.TaskGroup() as submitting:
                    submitting.create_task(self._submit(work))
                    submitting.create_task(self._kill_leader_in_the_middle(len(work.wanted)))
                target = done_before + len(work.wanted)
                await self._until(lambda: self._done() >= target, _DONE_SECONDS, "executions are not done")
                self._course.note = "done, waiting for the workers to go"
                await self._until(self._at_minimum, _MINIMUM_SECONDS, "workers are not back at their minimum")
                watching.cancel()
        return await self._judge(work)

    async def _submit(self, work: Work) -> None:
        for start in range(0, len(work.wanted), _BATCH * _BATCHES_PER_BURST):
            burst = work.wanted[start : start + _BATCH * _BATCHES_PER_BURST]
            self._course.note = f"burst of {len(burst)}"
            for first in range(0, len(burst), _BATCH):
                await self._submit_batch(burst[first : first + _BATCH])
            await asyncio.sleep(_SECONDS_BETWEEN_BURSTS)
        self._course.note = "all submitted"

    async def _submit_batch(self, batch: Sequence[Wanted]) -> None:
        self._course.ids.update(await self._caller.submit(batch))

    async def _kill_leader_in_the_middle(self, total: int) -> None:
        while len(self._course.ids) < total // 2:
            await asyncio.sleep(0.1)
        leader = await asyncio.to_thread(self._view.leader)
        if leader is None:
            raise DemoError("nobody leads: the lease names no pod")
        # No grace period: the kubelet kills the pod with SIGKILL.
        await asyncio.to_thread(self._view.run, "delete", "pod", leader, "--grace-period=0", "--force", "--wait=false")
        self._console.print(f"killed the leader, pod {leader}, with SIGKILL at {len(self._course.ids)} accepted")

    def _done(self) -> int:
        moment = self._course.moment
        return sum(queue.done for queue in moment.queues) if moment is not None else 0

    def _at_minimum(self) -> bool:
        moment = self._course.moment
        return moment is not None and moment.workers_now == self._minimum_workers

    async def _until(self, condition: Callable[[], bool], seconds: float, otherwise: str) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise DemoError(f"after {seconds:.0f} s {otherwise}: {self._course.moment}")
            await asyncio.sleep(0.2)

    async def _watch(self, board: Board) -> None:
        while True:
            queues: list[dict[str, Any]] = await self._caller.get("/api/v1/queues")
            workers = await asyncio.to_thread(self._view.workers)
            policies = await asyncio.to_thread(self._view.policies)
            now = datetime.now(UTC)
            self._course.peak_workers = max(self._course.peak_workers, workers.ready)
            lines = [
                QueueLine(
                    queue["action_ref"],
                    queue["queue_length"],
                    queue["active_count"],
                    queue["total_completed"],
                    seconds_since(queue["oldest_enqueued_at"], now),
                )
                for queue in queues
                if queue["action_ref"] in _ACTIONS
            ]
            self._course.moment = Moment(lines, workers.current, desired_workers(policies), self._course.note)
            board.show(self._course.moment)
            await asyncio.sleep(0.5)

    async def _judge(self, work: Work) -> Verdict:
        ids = ",".join(str(execution_id) for execution_id in self._course.ids.values())
        rows = rows_of(await asyncio.to_thread(self._view.query, _ROWS.format(ids=ids)))
        hashes = {self._course.ids[key]: digest for key, digest in work.hashes.items()}
        wrong = wrong_results(rows, hashes)
        for line in wrong[:10]:
            self._console.print(f"[red]wrong[/red] {line}")
        return Verdict(
            accepted=len(rows),
            succeeded=sum(row.status == "succeeded" for row in rows),
            wrong=len(wrong),
            lost=len(work.wanted) - sum(row.status in TERMINAL for row in rows),
            fifo_violations=fifo_violations(rows),
            peak_workers=self._course.peak_workers,
            final_workers=self._course.moment.workers_now if self._course.moment else -1,
            seconds=round(time.monotonic() - self._started, 1),
        )


def desired_workers(policies: list[dict[str, Any]]) -> int | None:
    """What the policies' status says their shared Deployment should have."""
    desired = [policy.get("status", {}).get("workers", {}).get("desired") for policy in policies]
    known = [value for value in desired if value is not None]
    return max(known) if known else None
