"""Row (f): two actions share the slots of a pool; one floods it, the other sends two executions a second.

The wait runs from right before the request is sent until the action's first instruction, by one machine's monotonic
clock: intake, its durable commit, queue, dispatch and start are all in it.
"""

import asyncio
import time
from collections.abc import Iterator
from typing import Any, Final

from bench.actions import runs, timed_ref
from bench.cpu import metered
from bench.ground import Ground
from bench.intake import client, submit, submit_one
from bench.results import Figure, Goal, Measurement
from bench.rows.row import Bench, by_part, percentile
from bench.system import System, Workers, running
from testbed.progress import Step

_SLOTS: Final = 20
_WORK_SECONDS: Final = 0.05
_INTERVAL_SECONDS: Final = 0.5
_LAST_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.1
_FLOODING, _TRICKLING = 0, 1
_PART_OF_FLOOD: Final = 0.9
_NOTE: Final = (
    "a pool of 20 slots, 50 ms of work, both actions with concurrency 20; the waits are those of the action that sends"
    " 2 a second while the other's flood lasts, from before the request to the action's first instruction"
)


class Fairness:
    """What a flood does to its neighbour."""

    key = "f"
    title = "a flood beside 2 executions a second"

    def measure(self, ground: Ground, bench: Bench, step: Step) -> Measurement:
        """Quantiles of the neighbour's wait."""
        flood = bench.size.flood
        policy = {"concurrency_limit": _SLOTS, "max_queue_length": flood}
        policies = {timed_ref(_FLOODING): policy, timed_ref(_TRICKLING): policy}
        seconds = flood * _WORK_SECONDS / _SLOTS * _PART_OF_FLOOD
        with running(ground, policies, Workers(1, _SLOTS), bench.profiler) as system:
            with metered(system.roots()) as cpu:
                sent = asyncio.run(_load(system, flood, seconds, step))
            started = _starts(system, len(sent))
            flooded = sum(run.queue == _FLOODING for run in runs(system.record))
        waits = [(started[number] - at) / 1e6 for number, at in enumerate(sent)]
        return Measurement(
            self.key,
            "Attune",
            self.title,
            [
                Figure("p50", percentile(waits, 50), "ms"),
                Figure("p99", percentile(waits, 99), "ms", Goal(at_most=150)),
                Figure("longest", max(waits), "ms"),
                Figure("executions", len(waits), ""),
                Figure("flood meanwhile", flooded / seconds, "executions/s"),
            ],
            _NOTE,
            by_part(cpu),
        )


async def _load(system: System, flood: int, seconds: float, step: Step) -> list[int]:
    """Flood, and send the others at their times; returns when each of these was sent."""
    flooding = asyncio.create_task(asyncio.to_thread(submit, system.url, _executions(_FLOODING, flood)))
    sent: list[int] = []
    async with client(1) as http:
        begins = time.monotonic()
        for number, execution in enumerate(_executions(_TRICKLING, max(1, int(seconds / _INTERVAL_SECONDS)))):
            await asyncio.sleep(begins + number * _INTERVAL_SECONDS - time.monotonic())
            sent.append(await submit_one(http, system.url, execution))
            step.advance(number, int(seconds / _INTERVAL_SECONDS), "sent beside the flood")
    await flooding
    return sent


def _executions(queue: int, count: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        parameters = {"queue": queue, "number": number, "seconds": _WORK_SECONDS}
        yield {"action_ref": timed_ref(queue), "parameters": parameters}


def _starts(system: System, count: int) -> dict[int, int]:
    """When each of the trickling executions started, as soon as all have run."""
    deadline = time.monotonic() + _LAST_SECONDS
    while True:
        started = {run.number: run.started_ns for run in runs(system.record) if run.queue == _TRICKLING}
        if len(started) == count:
            return started
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(started)} of {count} ran within {_LAST_SECONDS:g} s after the last was sent")
        time.sleep(_POLL_SECONDS)
