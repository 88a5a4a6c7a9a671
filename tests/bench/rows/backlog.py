"""Row (d): one queue filled while nothing runs. What one more costs as it grows, what a waiting one takes in memory,
and how long a killed executor needs to be back with all of them.

The cost is wall time of a window of executions that arrive in batches over four connections, the median of its five
parts, and beside it the executor's CPU time over all of it, which a checkpoint of PostgreSQL does not disturb. As many
go to another queue before that, or the first window would pay for what is done once.
"""

from collections.abc import Iterable
from itertools import repeat
from statistics import median
from typing import Any, Final

import httpx

from bench.actions import noop_ref
from bench.cpu import metered
from bench.ground import Ground
from bench.intake import submit
from bench.results import Figure, Goal, Measurement
from bench.rows.row import Bench, by_part
from bench.sizes import Size
from bench.system import System, running
from testbed.progress import Step

_FIRST: Final = 1_000
_MARKS: Final = (_FIRST, 100_000)
_STEP: Final = 20_000
_PARTS: Final = 5
_FILLED, _OTHER = 0, 1
_FLAT: Final = 0.2
_NOTE: Final = (
    "no workers; batches of 1,000 over 4 connections, each accepted durably; µs per execution in a window that begins"
    " at the mark (the last one ends there), the median of its parts; bytes: growth of the executor's RSS per waiting"
    " execution; rebuild: from the start of the process after SIGKILL until /readyz, with every execution waiting again"
)


class Backlog:
    """A queue that only grows."""

    key = "d"
    title = "1 queue filled, no workers"

    def measure(self, ground: Ground, bench: Bench, step: Step) -> Measurement:
        """Cost per enqueue, bytes per waiting execution, seconds to rebuild."""
        total = bench.size.backlog
        policies = {
            noop_ref(queue): {"concurrency_limit": 10, "max_queue_length": total} for queue in (_FILLED, _OTHER)
        }
        with running(ground, policies, None, bench.profiler) as system:
            costs: dict[int, tuple[float, float]] = {}
            submit(system.url, _noops(bench.size.backlog_window, _OTHER))
            length = self._fill(system, 0, _FIRST, step, total)
            before = system.resident_bytes()
            with metered(system.roots()) as cpu:
                for mark, first in _windows(bench.size):
                    length = self._fill(system, length, first, step, total)
                    costs[mark] = self._cost(system, bench.size.backlog_window)
                    length += bench.size.backlog_window
                    step.advance(length, total, "waiting")
            resident = (system.resident_bytes() - before) / (length - _FIRST)
            rebuild = system.restart_killed()
            rebuild_cpu = system.executor_seconds()
            kept = _waiting(system)
            rebuilt = system.resident_bytes()
        if kept != total:
            raise AssertionError(f"{kept} of {total} executions were there after the restart")
        wall = [cost for cost, _ in costs.values()]
        processor = [cost for _, cost in costs.values()]
        return Measurement(
            self.key,
            "Attune",
            self.title,
            [
                *(Figure(f"enqueue at {mark:,}", cost, "µs") for mark, (cost, _) in costs.items()),
                Figure("spread of these", max(wall) / min(wall) - 1, "", Goal(at_most=_FLAT)),
                *(Figure(f"executor CPU at {mark:,}", cost, "µs") for mark, (_, cost) in costs.items()),
                Figure("spread of these", max(processor) / min(processor) - 1, "", Goal(at_most=_FLAT)),
                Figure("resident per waiting", resident, "bytes", Goal(at_most=150)),
                Figure("resident after rebuild", rebuilt / 2**20, "MiB"),
                Figure("rebuild", rebuild, "s", Goal(at_most=10)),
                Figure("rebuild, executor CPU", rebuild_cpu, "s"),
            ],
            _NOTE,
            by_part(cpu),
        )

    def _fill(self, system: System, length: int, target: int, step: Step, total: int) -> int:
        while length < target:
            count = min(_STEP, target - length)
            submit(system.url, _noops(count))
            length += count
            step.advance(length, total, "waiting")
        return length

    def _cost(self, system: System, window: int) -> tuple[float, float]:
        """Microseconds of wall time and of the executor's CPU time for one execution."""
        part = window // _PARTS
        with metered(system.roots()) as cpu:
            seconds = [submit(system.url, _noops(part)).seconds for _ in range(_PARTS)]
        return median(seconds) / part * 1e6, cpu["executor"] / window * 1e6


def _windows(size: Size) -> list[tuple[int, int]]:
    """Marks, and the queue length at which the window of each begins."""
    last = size.backlog - size.backlog_window
    return [*((mark, mark) for mark in _MARKS if mark + size.backlog_window <= last), (size.backlog, last)]


def _noops(count: int, queue: int = _FILLED) -> Iterable[dict[str, Any]]:
    return repeat({"action_ref": noop_ref(queue), "parameters": {}}, count)


def _waiting(system: System) -> int:
    """Executions that wait or have a slot."""
    answer = httpx.get(f"{system.url}/api/v1/actions/{noop_ref(_FILLED)}/queue-stats", timeout=60).raise_for_status()
    stats = answer.json()["data"]
    return stats["queue_length"] + stats["active_count"]
