"""Rows (a), (b) and (e): no-op executions through HTTP batches until the last is `succeeded` in PostgreSQL.

The clock runs from the first byte of the first batch until a query sees no open execution any more, so intake, queues,
dispatch, work and the durable result are all in it. A few executions go through every queue before that.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bench.actions import noop_ref
from bench.cpu import metered, microseconds_each
from bench.ground import Ground
from bench.intake import submit
from bench.results import Figure, Goal, Measurement
from bench.rows.row import Bench, by_part
from bench.sizes import Size
from bench.system import Workers, running
from testbed.progress import Step

NOTE = (
    "accepted is durable before the 201; FIFO and the limit kept over crashes; at least once, accounted exactly once;"
    " status and result in PostgreSQL"
)
_WARM_UP = 1_000
_SECONDS = 600


@dataclass(frozen=True)
class Throughput:
    """So many queues of one concurrency, and the workers behind them; without a goal of its own: half of row (a)."""

    key: str
    title: str
    concurrency: int
    workers: Workers
    goal: Goal | None

    def measure(self, ground: Ground, bench: Bench, step: Step) -> Measurement:
        """Executions per second."""
        queues, count = self._amount(bench.size)
        policies = {
            noop_ref(queue): {"concurrency_limit": self.concurrency, "max_queue_length": max(count, _WARM_UP)}
            for queue in range(queues)
        }
        with running(ground, policies, self.workers, bench.profiler) as system:
            step.advance(0, count, "executions")
            submit(system.url, _noops(queues, _WARM_UP))
            system.until_done(_WARM_UP, _SECONDS)
            with metered(system.roots()) as cpu:
                submitted = submit(system.url, _noops(queues, count))
                done = system.until_done(_WARM_UP + count, _SECONDS)
        seconds = done - submitted.started
        return Measurement(
            self.key,
            "Attune",
            self.title,
            [
                Figure("rate", count / seconds, "executions/s", self._goal(bench)),
                Figure("accepted", count / submitted.seconds, "executions/s"),
                Figure("processors", microseconds_each(cpu, count), "µs each"),
                Figure("count", count, "executions"),
                Figure("seconds", seconds, "s"),
            ],
            NOTE,
            by_part(cpu),
        )

    def _goal(self, bench: Bench) -> Goal | None:
        if self.goal is None and MANY_QUEUES.key in bench.found:
            return Goal(at_least=bench.found[MANY_QUEUES.key].figure("rate") / 2)
        return self.goal

    def _amount(self, size: Size) -> tuple[int, int]:
        """Queues and executions."""
        match self.key:
            case "a":
                return min(100, size.many_queues), size.many_queues
            case "b":
                return 1, size.one_queue
            case _:
                return size.queues, size.queues * size.per_queue


MANY_QUEUES = Throughput("a", "100 queues × concurrency 10, no-op", 10, Workers(1, 1000), Goal(at_least=10_000))
ONE_QUEUE = Throughput("b", "1 queue × concurrency 10, no-op", 10, Workers(1, 10), Goal(at_least=3_000))
VERY_MANY_QUEUES = Throughput("e", "10,000 queues, a few no-ops each", 10, Workers(1, 1000), None)


def _noops(queues: int, count: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        yield {"action_ref": noop_ref(number % queues), "parameters": {}}
