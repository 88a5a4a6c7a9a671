"""Runs the tasks of maintenance when they are due, each in a loop of its own, beside the turns and never in their way.

What a task did is durable, so a restart neither skips nor repeats it. The rules may change at any time; a task that is
switched off sleeps on. Anybody who may can have a task run before it is due. A failure is logged and tried again, later
each time. Large deletions go in small batches with rests in between: the database belongs to the turns.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from time import monotonic
from typing import Final

import structlog

from attune_executor.backoff import Backoff
from attune_executor.domain.maintenance import (
    DAY,
    SCHEDULES,
    STATS_KEPT_SECONDS,
    MaintenanceRules,
    Task,
    TaskReport,
    TaskRun,
    rest_seconds,
)
from attune_executor.ports.clock import Clock
from attune_executor.ports.journal import JournalError
from attune_executor.ports.maintenance import MaintenanceRepository

_log = structlog.get_logger("attune.maintenance")
_BATCH: Final = 1000
# Executors take ids in blocks, so a slow one may write a young execution among old ones. Only after a stretch as long
# as several blocks without an old execution is there none behind it.
_YOUNG_STRETCH: Final = 50_000


class Maintenance:
    """Maintenance of one database; to be run by the owner of its first shard.

    Args:
        poll_seconds: longest sleep before the clock is looked at again: it may be set, and machines are suspended.
        first_retry_seconds: the wait after a first failure; it doubles from there, up to five minutes.
    """

    def __init__(
        self,
        repository: MaintenanceRepository,
        clock: Clock,
        rules: MaintenanceRules | None = None,
        *,
        poll_seconds: float = 15.0,
        first_retry_seconds: float = 1.0,
    ) -> None:
        self._repository = repository
        self._clock = clock
        self.rules = rules or MaintenanceRules()
        """What is done; to be replaced while it runs."""
        self._poll_seconds = poll_seconds
        self._first_retry_seconds = first_retry_seconds
        self._reports = {task: TaskReport(task) for task in Task}
        self._counting = asyncio.Lock()
        self._asked = {task: asyncio.Event() for task in Task}

    def report(self) -> tuple[TaskReport, ...]:
        """How every task stands."""
        on = self.rules.tasks()
        return tuple(replace(report, enabled=task in on) for task, report in self._reports.items())

    def start(self, task: Task) -> TaskReport:
        """Have a task run now, unless it runs or is switched off; returns how it stands then."""
        if task in self.rules.tasks() and not self._reports[task].running:
            self._note(task, running=True, failure=None)
            self._asked[task].set()
        return self.report()[list(Task).index(task)]

    async def run(self) -> None:
        """Run tasks until cancelled."""
        async with asyncio.TaskGroup() as group:
            for task in Task:
                group.create_task(self._keep_running(task), name=f"maintenance {task}")

    async def _keep_running(self, task: Task) -> None:
        backoff = Backoff(self._first_retry_seconds, longest_seconds=300.0)
        while True:
            try:
                last = await self._repository.last_run(task)
                self._note(task, last=last)
                await self._sleep_until_due(task, last)
                self._note(task, running=True)
                run = await self._perform(task, last)
            except JournalError as error:
                failures = self._reports[task].failures + 1
                self._note(task, running=False, failure=str(error), failures=failures)
                _log.warning("maintenance failed, trying again", task=task, reason=str(error))
                await self._rest(task, backoff.next_delay())
            else:
                backoff.reset()
                self._note(task, last=run, running=False, failure=None)
                log = _log.info if run.rows else _log.debug
                log("maintenance done", task=task, rows=run.rows, seconds=round(run.seconds, 3))

    async def _sleep_until_due(self, task: Task, last: TaskRun | None) -> None:
        while True:
            now = self._clock.now()
            due_at = SCHEDULES[task].due_at(None if last is None else last.started_at, now)
            self._note(task, due_at=due_at)
            on = task in self.rules.tasks()
            asked = self._asked[task].is_set()
            if asked:
                self._asked[task].clear()
                self._note(task, running=on)
            if on and (asked or due_at <= now):
                return
            await self._rest(task, min(due_at - now, self._poll_seconds) if on else self._poll_seconds)

    async def _rest(self, task: Task, seconds: float) -> None:
        """Sleep for so long, or until somebody has the task run."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._asked[task].wait()

    async def _perform(self, task: Task, last: TaskRun | None) -> TaskRun:
        now = self._clock.now()
        match task:
            case Task.SNAPSHOT_QUEUES:
                return await self._repository.snapshot_queues(now, last)
            case Task.CLEAN_QUEUE_STATS:
                return await self._repository.clean_queue_stats(now - STATS_KEPT_SECONDS, now, last)
            case Task.DELETE_SNAPSHOTS | Task.COUNT_DAYS | Task.DELETE_EXECUTIONS:
                begun = monotonic()
                rows = await self._in_batches(task, now)
                run = TaskRun(task, now, monotonic() - begun, rows)
                await self._repository.record(run, last)
                return run

    async def _in_batches(self, task: Task, now: float) -> int:
        if task is Task.DELETE_SNAPSHOTS:
            return await self._delete_old(self._repository.delete_snapshots, self.rules.snapshots_kept_since(now))
        if task is Task.COUNT_DAYS:
            counted = await self._count(now // DAY * DAY)
            return counted + await self._delete_old(self._repository.delete_days, self.rules.days_kept_since(now))
        return await self._sweep(now)

    async def _delete_old(self, delete: Callable[[float, int], Awaitable[int]], before: float) -> int:
        total = 0
        while True:
            begun = monotonic()
            deleted = await delete(before, _BATCH)
            total += deleted
            if deleted < _BATCH:
                return total
            await asyncio.sleep(rest_seconds(monotonic() - begun))

    async def _count(self, before: float) -> int:
        """Add the executions accepted before to their days."""
        total = 0
        async with self._counting:
            for action in await self._repository.uncounted(before):
                more = True
                while more:
                    begun = monotonic()
                    executions, more = await self._repository.count_days(action, before, _BATCH)
                    total += executions
                    await asyncio.sleep(rest_seconds(monotonic() - begun))
        return total

    async def _sweep(self, now: float) -> int:
        """Delete finished executions in the order of their ids, which is nearly that of their creation."""
        before = self.rules.executions_kept_since(now)
        # Nothing goes before it is in its day.
        await self._count(before)
        total = after_id = young = 0
        while True:
            begun = monotonic()
            swept = await self._repository.delete_executions(before, after_id, _BATCH)
            total += swept.deleted
            young = 0 if swept.old else young + swept.scanned
            if swept.scanned < _BATCH or young >= _YOUNG_STRETCH:
                return total
            after_id = swept.last_id
            await asyncio.sleep(rest_seconds(monotonic() - begun))

    def _note(self, task: Task, **changes: object) -> None:
        self._reports[task] = replace(self._reports[task], **changes)  # pyright: ignore[reportArgumentType] - its fields
