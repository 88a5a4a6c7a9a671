"""How maintenance stands, as Prometheus metrics, collected when scraped; from the executor that does it alone."""

from collections.abc import Callable, Iterable, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from attune_executor.domain.maintenance import TaskReport


class MaintenanceCollector(Collector):
    """Reads the reports of the tasks that are not switched off.

    Args:
        reports: how the tasks stand; none where another executor does them.
    """

    def __init__(self, reports: Callable[[], Sequence[TaskReport]]) -> None:
        self._reports = reports

    def collect(self) -> Iterable[Metric]:
        """Every task as metric families; of one that has never run only what is known."""
        succeeded = _gauge("last_success_timestamp_seconds", "When the last completed run began, in Unix time.")
        rows = _gauge("last_rows", "Rows that the last completed run wrote or deleted.")
        due = _gauge("due_timestamp_seconds", "When the next run begins, in Unix time; past while it is overdue.")
        running = _gauge("running", "1 while a run is under way.")
        failures = CounterMetricFamily("attune_maintenance_failures", "Attempts that failed.", labels=["task"])
        for report in self._reports():
            if not report.enabled:
                continue
            task = [report.task.value]
            if report.last is not None:
                succeeded.add_metric(task, report.last.started_at)
                rows.add_metric(task, report.last.rows)
            if report.due_at is not None:
                due.add_metric(task, report.due_at)
            running.add_metric(task, report.running)
            failures.add_metric(task, report.failures)
        yield from (succeeded, rows, due, running, failures)


def _gauge(name: str, text: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"attune_maintenance_{name}", text, labels=["task"])
