"""All that the executor counts while it works, as one collector.

Everything is written on the executor's loop, a few additions for each turn, and read by whoever scrapes.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from attune_executor.domain.execution import TERMINAL, ExecutionStatus
from attune_executor.domain.records import TurnRecord
from attune_executor.domain.submission import Refusal, RefusalCode
from attune_executor.metrics.histogram import BRIEF_SECONDS, LASTING_SECONDS, BatchHistogram
from attune_executor.vital import Vital

UNAVAILABLE: Final = "unavailable"
"""Refused for no fault of the request: database or broker away, starting or stopping."""
_CODES: Final = (*(code.value for code in RefusalCode), UNAVAILABLE)
_ENDS: Final = tuple(sorted(TERMINAL))


class ExecutorMeter(Collector):
    """The executor's counters and histograms, all shards of this process together.

    Attributes:
        turns: from the moment a turn decides until its effects are handed over.
        commits: the database's part of it.
        waits: from acceptance to the first dispatch.
        runs: on the worker's clock.
        submissions: from request to durable answer.
        confirmations: from publishing dispatches to the broker's confirmation.
        database: whether the last question to the database was answered.
        journal_errors: questions that were not.
        publish_failures: dispatches that have to be published again.
        reports: messages from workers.
        fifo_violations: executions that one behind them in their line had overtaken, as each check found them.
    """

    def __init__(self) -> None:
        self.turns = BatchHistogram(
            "attune_turn_seconds", "Time of a turn: decide, commit, hand over its effects.", BRIEF_SECONDS
        )
        self.commits = BatchHistogram("attune_commit_seconds", "Time of a turn's commit.", BRIEF_SECONDS)
        self.waits = BatchHistogram(
            "attune_execution_wait_seconds", "Time from acceptance to the first dispatch.", LASTING_SECONDS
        )
        self.runs = BatchHistogram(
            "attune_execution_run_seconds", "Run time of executions, by the worker's clock.", LASTING_SECONDS
        )
        self.submissions = BatchHistogram(
            "attune_submission_seconds", "Time until a submission is answered, durable or refused.", BRIEF_SECONDS
        )
        self.confirmations = BatchHistogram(
            "attune_publish_confirm_seconds", "Time until the broker has confirmed published dispatches.", BRIEF_SECONDS
        )
        self.database = Vital()
        self.journal_errors = 0
        self.publish_failures = 0
        self.reports = 0
        self.fifo_violations = 0
        self._dispatched = 0
        self._retried = 0
        self._finished = Counter[ExecutionStatus]()
        self._refused = Counter[str]()

    def committed(self, record: TurnRecord, seconds: float) -> None:
        """A turn was committed, which took so long."""
        self.commits.observe(seconds)
        if record.waits:
            self.waits.observe_all(record.waits)
        again = sum(row.attempt > 1 for row in record.dispatched)
        self._retried += again
        self._dispatched += len(record.waits) + again
        if record.finished:
            self.runs.observe_all(
                max(0.0, row.finished_at - row.started_at) for row in record.finished if row.started_at is not None
            )
            # Found by identity: hashing a member of an enumeration costs more than comparing all of them.
            statuses = [row.status for row in record.finished]
            for status in _ENDS:
                self._finished[status] += statuses.count(status)

    def answered(self, outcomes: Iterable[object], seconds: float) -> None:
        """A submission was answered, after so long."""
        self.submissions.observe(seconds)
        for outcome in outcomes:
            if isinstance(outcome, Refusal):
                self._refused[outcome.code.value] += 1

    def unavailable(self, count: int) -> None:
        """So many requests of a submission could not be taken."""
        self._refused[UNAVAILABLE] += count

    def collect(self) -> Iterable[Metric]:
        """Everything as metric families."""
        for histogram in (
            self.turns,
            self.commits,
            self.waits,
            self.runs,
            self.submissions,
            self.confirmations,
        ):
            yield histogram.collect()
        yield _counter("attune_executions_dispatched", "Dispatches, repeated ones included.", self._dispatched)
        yield _counter(
            "attune_executions_retried", "Dispatches after a failed run or a lost worker: not the first.", self._retried
        )
        finished = CounterMetricFamily(
            "attune_executions_finished", "Executions that reached a terminal status.", labels=["status"]
        )
        for status in _ENDS:
            finished.add_metric([status.value], self._finished[status])
        yield finished
        refused = CounterMetricFamily(
            "attune_requests_refused", "Requests refused or not taken, by the API's code.", labels=["code"]
        )
        for code in _CODES:
            refused.add_metric([code], self._refused[code])
        yield refused
        yield GaugeMetricFamily(
            "attune_database_answers", "1 while the database answers the queues.", value=self.database.ok
        )
        yield _counter("attune_database_errors", "Exchanges with the database that failed.", self.journal_errors)
        yield _counter("attune_publish_failures", "Publishes that the broker did not confirm.", self.publish_failures)
        yield _counter("attune_worker_reports", "Messages from workers: the CompletionListener's.", self.reports)
        yield _counter(
            "attune_fifo_violations",
            "Executions that one behind them in their line had overtaken, by each check; anything but 0 is a bug.",
            self.fifo_violations,
        )


def _counter(name: str, text: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(name, text, value=value)
