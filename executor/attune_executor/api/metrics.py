"""The queues as Prometheus metrics, under the runbook's names, collected when scraped."""

import time
from collections.abc import Callable, Iterable
from typing import TypeVar

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from attune_executor.api.service import ExecutionService
from attune_executor.domain.policy import Admission
from attune_executor.domain.stats import QueueStats

_Family = TypeVar("_Family", GaugeMetricFamily, CounterMetricFamily)


class QueueCollector(Collector):
    """Reads the engine's latest picture: nothing to keep in step, no cost between scrapes."""

    def __init__(self, service: ExecutionService) -> None:
        self._service = service

    def collect(self) -> Iterable[Metric]:
        """All queues as metric families."""
        stats = self._service.stats()
        health = self._service.health()
        now = time.time()
        yield _gauge("attune_queue_length", "Executions that wait.", stats, lambda queue: queue.queue_length)
        yield _gauge(
            "attune_queue_active", "Executions dispatched and not finished.", stats, lambda queue: queue.active_count
        )
        yield _gauge(
            "attune_queue_max_concurrent", "Limit on active executions.", stats, lambda queue: queue.max_concurrent
        )
        yield _gauge(
            "attune_queue_last_updated",
            "Unix time of the last change in the queue; of the scrape while nothing is active, and nothing waits or"
            " it is held.",
            stats,
            lambda queue: now if _has_nothing_to_do(queue) else queue.last_updated,
        )
        yield _admission(stats)
        yield _gauge(
            "attune_queue_oldest_age_seconds",
            "Age of the execution at the head of the queue; 0 while nothing waits.",
            stats,
            lambda queue: 0 if queue.oldest_enqueued_at is None else max(0, now - queue.oldest_enqueued_at),
        )
        yield _counter(
            "attune_executions_enqueued",
            "Executions accepted since the action was first known.",
            stats,
            lambda queue: queue.total_enqueued,
        )
        yield _counter(
            "attune_executions_completed",
            "Executions finished since the action was first known, in any way.",
            stats,
            lambda queue: queue.total_completed,
        )
        yield _counter(
            "attune_executions_rejected",
            "Requests refused since the action was first known.",
            stats,
            lambda queue: queue.total_rejected,
        )
        yield GaugeMetricFamily("attune_engine_serving", "1 while turns are committed.", value=health.serving)
        yield GaugeMetricFamily(
            "attune_engine_last_turn_age_seconds",
            "Seconds since the last commit of a turn, idle ones included.",
            value=health.last_turn_age_seconds,
        )
        yield GaugeMetricFamily(
            "attune_broker_connected", "1 while connected to the message broker.", value=health.broker_connected
        )


def metrics_registry(service: ExecutionService, collectors: Iterable[Collector] = ()) -> CollectorRegistry:
    """Queues, process and ``collectors`` in a registry of its own: two executors in one process must not meet."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    for collector in (QueueCollector(service), *collectors):
        registry.register(collector)
    return registry


def _has_nothing_to_do(queue: QueueStats) -> bool:
    """Whether nothing changes by itself, so that `StuckQueue`, as the runbook words it, is to leave it alone."""
    held = queue.admission is Admission.HOLD
    return not queue.active_count and (held or not queue.queue_length)


def _admission(stats: Iterable[QueueStats]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(
        "attune_queue_admission", "1 for the admission in force of Open, Hold, Closed.", labels=["action", "admission"]
    )
    for queue in stats:
        if queue.admission is not None:
            family.add_metric([queue.action_ref, queue.admission], 1)
    return family


def _gauge(
    name: str, text: str, stats: Iterable[QueueStats], value: Callable[[QueueStats], float]
) -> GaugeMetricFamily:
    return _by_action(GaugeMetricFamily(name, text, labels=["action"]), stats, value)


def _counter(
    name: str, text: str, stats: Iterable[QueueStats], value: Callable[[QueueStats], float]
) -> CounterMetricFamily:
    return _by_action(CounterMetricFamily(name, text, labels=["action"]), stats, value)


def _by_action(family: _Family, stats: Iterable[QueueStats], value: Callable[[QueueStats], float]) -> _Family:
    for queue in stats:
        family.add_metric([queue.action_ref], value(queue))
    return family
