"""Runs executions in a worker's slots, and stops those that are not to go on.

A task runs one execution after another as long as they are brief: to make a task for each costs more than many of
them. Each execution is stopped by cancelling the task that it has at the time; what does not end by that is left
behind: its outcome is reported, and its slot stays taken until it really ends, so that never more than the slots run.
"""

import asyncio
import time
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial
from typing import Final, cast

import structlog

from attune_executor.domain.execution import ExecutionStatus
from attune_executor.worker.assignments import CANCELLED
from attune_executor.worker.execution import Execution, Key
from attune_executor.worker.invocation import Invoker
from attune_executor.worker.outcome import Outcome, failure
from attune_executor.worker.registry import Mode

_CANCELS: Final = 5
_CANCEL_INTERVAL_SECONDS: Final = 1.0
_BRIEF_SECONDS: Final = 0.001
_TURN_SECONDS: Final = 0.005
"""How long brief executions may keep the loop from everything else."""

_log: Final = structlog.get_logger("attune.worker")


class Stop(Enum):
    """Why a run is stopped."""

    TIMEOUT = auto()
    CANCELLED = auto()
    REPLACED = auto()


@dataclass(eq=False, slots=True)
class Run:
    """One execution that runs, in ``task``; times in Unix seconds."""

    execution: Execution
    task: asyncio.Task[None]
    started_at: float
    timeout_seconds: float | None
    stop: Stop | None = None
    cancels: int = 0
    left_behind: bool = False
    timer: asyncio.TimerHandle | None = None
    successors: list[asyncio.Future[None]] = field(default_factory=list[asyncio.Future[None]])


class Slots:
    """Runs up to ``count`` executions at once.

    Args:
        invoker: what runs them.
        count: at least 1.
        take: the execution to run next, or None.
        on_start: called with what begins to run and when.
        on_end: called with what has ended, how, and when it began; without an outcome where nothing is to be said
            of it.
    """

    def __init__(
        self,
        invoker: Invoker,
        count: int,
        *,
        take: Callable[[], Execution | None],
        on_start: Callable[[Execution, float], None],
        on_end: Callable[[Execution, Outcome | None, float], None],
    ) -> None:
        self._invoker = invoker
        self._count = count
        self._take = take
        self._on_start = on_start
        self._on_end = on_end
        invoker.when_one_left_behind_ends(self.fill)
        self._runs: dict[Key, Run] = {}
        self._stubborn = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._starting = False
        self._closed = False
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done with what went wrong in the worker itself."""

    @property
    def running(self) -> int:
        """Executions that run and are not left behind."""
        return len(self._runs) - self._stubborn

    @property
    def left_behind(self) -> int:
        """Runs that do not stop though their outcome is settled; each takes up a slot."""
        return self._invoker.left_behind + self._stubborn

    def fill(self) -> None:
        """Run what waits, as far as slots are free."""
        if self._starting or self._closed or len(self._runs) + self._invoker.left_behind >= self._count:
            return
        self._starting = True
        task = asyncio.create_task(self._serve())
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def stop(self, key: Key, why: Stop) -> None:
        """Stop a run; what has ended meanwhile has ended."""
        run = self._runs.get(key)
        if run is None or run.left_behind:
            return
        if run.stop is None:
            run.stop = why
            self._cancel(run)
        elif why is Stop.REPLACED:
            run.stop = why

    async def close(self, seconds: float) -> None:
        """Cancel everything, and wait so long for it to end."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            _, stuck = await asyncio.wait(self._tasks, timeout=seconds)
            self._stubborn = len(stuck)
        await self._invoker.close()

    async def _serve(self) -> None:
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._starting = False
        context = copy_context()
        turn = time.perf_counter()
        while not self._closed and len(self._runs) + self._invoker.left_behind < self._count:
            execution = self._take()
            if execution is None:
                return
            # Should this one have to wait for something, the next has a task to begin in.
            self.fill()
            began = time.perf_counter()
            await self._run(execution, task)
            now = time.perf_counter()
            if now - began > _BRIEF_SECONDS or copy_context() != context:
                # What the action left in the task, a context or somebody who wants to cancel it, ends with the task.
                self.fill()
                return
            if now - turn > _TURN_SECONDS:
                await asyncio.sleep(0)
                turn = time.perf_counter()

    async def _run(self, execution: Execution, task: asyncio.Task[None]) -> None:
        assignment = execution.assignment
        action = self._invoker.action(assignment.action_ref)
        timeout = shorter(assignment.timeout_seconds, action.timeout_seconds if action else None)
        run = self._runs[execution.key] = Run(execution, task, time.time(), timeout)
        try:
            if execution.replaces is not None:
                await self._predecessor_over(execution.replaces)
            outcome = await self._invoker.invoke(assignment, partial(self._begin, run))
        except asyncio.CancelledError:
            if run.stop is None:
                raise
            outcome = None
        finally:
            self._end(run)
        if run.left_behind:
            _log.info("what was left behind has ended", execution_id=assignment.execution_id)
        elif run.stop is not None:
            self._report_stopped(run)
        elif outcome is not None:
            self._on_end(execution, outcome, run.started_at)

    def _begin(self, run: Run) -> None:
        run.started_at = time.time()
        if run.timeout_seconds is not None and run.stop is None:
            run.timer = asyncio.get_running_loop().call_later(
                run.timeout_seconds, self.stop, run.execution.key, Stop.TIMEOUT
            )
        self._on_start(run.execution, run.started_at)

    def _end(self, run: Run) -> None:
        del self._runs[run.execution.key]
        if run.timer is not None:
            run.timer.cancel()
        if run.left_behind:
            self._stubborn -= 1
        if run.stop is not None and not self._closed:
            # The task goes on with other executions, or ends as if nothing had been asked of it.
            while run.task.uncancel():
                pass
        for successor in run.successors:
            if not successor.done():
                successor.set_result(None)

    async def _predecessor_over(self, replaced: Execution) -> None:
        predecessor = self._runs.get(replaced.key)
        if predecessor is not None and not predecessor.left_behind:
            over = asyncio.get_running_loop().create_future()
            predecessor.successors.append(over)
            await over

    def _cancel(self, run: Run) -> None:
        run.cancels += 1
        run.task.cancel()
        if run.timer is not None:
            run.timer.cancel()
        run.timer = asyncio.get_running_loop().call_later(_CANCEL_INTERVAL_SECONDS, self._insist, run)

    def _insist(self, run: Run) -> None:
        if run.cancels < _CANCELS:
            self._cancel(run)
            return
        run.left_behind = True
        self._stubborn += 1
        for successor in run.successors:
            if not successor.done():
                successor.set_result(None)
        _log.warning(
            "action does not end though it was cancelled, its slot stays taken until it does",
            execution_id=run.execution.assignment.execution_id,
            action=run.execution.assignment.action_ref,
        )
        self._report_stopped(run)

    def _report_stopped(self, run: Run) -> None:
        if run.stop is Stop.REPLACED:
            _log.info("stopped in favour of a later attempt", execution_id=run.execution.assignment.execution_id)
            outcome = None
        elif run.stop is Stop.CANCELLED:
            outcome = Outcome(ExecutionStatus.CANCELLED, CANCELLED)
        else:
            outcome = Outcome(ExecutionStatus.TIMEOUT, failure(self._overdue(run)).result)
        self._on_end(run.execution, outcome, run.started_at)

    def _overdue(self, run: Run) -> str:
        action = self._invoker.action(run.execution.assignment.action_ref)
        limit = f"timed out after {run.timeout_seconds:g} s"
        if run.left_behind or (action is not None and action.mode is Mode.THREAD):
            return f"{limit} and could not be stopped: it still runs on the worker"
        return f"{limit} and was stopped"

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None and not self.failed.done():
            self.failed.set_exception(error)


def shorter(first: float | None, second: float | None) -> float | None:
    """The smaller of two times, where None means without end."""
    if first is None or second is None:
        return second if first is None else first
    return min(first, second)
