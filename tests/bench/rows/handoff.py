"""Row (c): a slot falls free; how long until the next execution of that queue starts?

Actions note when they start and end, on one machine's monotonic clock. In a queue that always has executions waiting,
the slot that the n-th end frees is taken by the start with number limit + n, so their distance is the hand-off: report,
broker, turn with its durable commit, dispatch, broker, start. It begins a little before the completion is published,
which is to the disadvantage of the figure.

Half load: the slots are first turned over as fast as everything can, with runs of 50 ms, then runs last so long that
they turn over half as fast. Lengths vary by half around that, or all would end together. Such runs travel one to a
message, as the executor sends whatever takes longer than a few milliseconds; no-ops share messages, and their rate is
not that of work.
"""

import random
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Final

from bench.actions import Run, runs, timed_ref
from bench.cpu import metered
from bench.ground import Ground
from bench.intake import submit
from bench.results import Figure, Goal, Measurement
from bench.rows.row import Bench, by_part, percentile
from bench.system import System, Workers, running
from testbed.progress import Step

_QUEUES: Final = 100
_CONCURRENCY: Final = 10
_CALIBRATION: Final = 8_000
_FASTEST_SECONDS: Final = 0.05
_SETTLING_SECONDS: Final = 2.0
_SECONDS: Final = 300
_SEED: Final = 1
_MARGIN: Final = 1.5
_NOTE: Final = (
    "100 queues × concurrency 10, never empty, runs of random length so that completions come at half the rate of"
    " 50 ms runs measured right before; from the end of a run to the start of the next in its slot, by the machine's"
    " monotonic clock"
)


class Handoff:
    """End to start, in a queue with waiting executions."""

    key = "c"
    title = "hand-off at half load"

    def measure(self, ground: Ground, bench: Bench, step: Step) -> Measurement:
        """Quantiles of the hand-off."""
        seconds = bench.size.handoff_seconds
        most = max(bench.size.many_queues, _CALIBRATION)
        policy = {"concurrency_limit": _CONCURRENCY, "max_queue_length": most}
        policies = {timed_ref(queue): policy for queue in range(_QUEUES)}
        with running(ground, policies, Workers(1, _QUEUES * _CONCURRENCY), bench.profiler) as system:
            half = self._calibrate(system, min(bench.size.many_queues, _CALIBRATION)) / 2
            length = _QUEUES * _CONCURRENCY / half
            count = int(half * (seconds + _SETTLING_SECONDS) * _MARGIN) + 2 * _QUEUES * _CONCURRENCY
            step.advance(0, count, "executions")
            submitted = submit(system.url, _timed(count, length))
            time.sleep(_SETTLING_SECONDS)
            begins = time.monotonic_ns()
            with metered(system.roots()) as cpu:
                time.sleep(seconds)
            ends = time.monotonic_ns()
            # Runs are noted when they end; those that started before `ends` all have after the longest run.
            time.sleep(length * 2)
            noted = runs(system.record)
        waits = handoffs(noted, _CONCURRENCY, begins, ends)
        completed = sum(begins <= run.ended_ns < ends for run in noted)
        if not waits:
            raise AssertionError(f"no hand-off was seen; {count} were accepted in {submitted.seconds:.1f} s")
        return Measurement(
            self.key,
            "Attune",
            self.title,
            [
                Figure("p50", percentile(waits, 50), "ms", Goal(at_most=3)),
                Figure("p99", percentile(waits, 99), "ms", Goal(at_most=15)),
                Figure("hand-offs", len(waits), ""),
                Figure("load", completed / seconds, "executions/s"),
                Figure("half of the most", half, "executions/s"),
            ],
            _NOTE,
            by_part(cpu),
        )

    def _calibrate(self, system: System, count: int) -> float:
        submitted = submit(system.url, _timed(count, _FASTEST_SECONDS))
        return count / (system.until_done(count, _SECONDS) - submitted.started)


def handoffs(noted: Sequence[Run], concurrency: int, begins: int, ends: int) -> list[float]:
    """Milliseconds between the ends of runs within [begins, ends), in ns, and the starts that took their slots.

    Args:
        noted: every run that started before `ends`, of queues that always had executions waiting.
        concurrency: of each queue.
    """
    by_queue: defaultdict[int, list[Run]] = defaultdict(list)
    for run in noted:
        by_queue[run.queue].append(run)
    waits: list[float] = []
    for queue in by_queue.values():
        freed = sorted(run.ended_ns for run in queue)
        taken = sorted(run.started_ns for run in queue)[concurrency:]
        waits += [
            (start - end) / 1e6 for end, start in zip(freed, taken, strict=False) if begins <= end and start < ends
        ]
    return waits


def _timed(count: int, length: float) -> Iterator[dict[str, Any]]:
    chance = random.Random(_SEED)  # noqa: S311 - the same lengths in every run
    for number in range(count):
        queue = number % _QUEUES
        seconds = round(length * chance.uniform(0.5, 1.5), 6)
        yield {"action_ref": timed_ref(queue), "parameters": {"queue": queue, "number": number, "seconds": seconds}}
