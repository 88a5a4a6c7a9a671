"""Scaling decisions as Prometheus metrics, shown by the executor's API beside its own."""

from collections.abc import Iterable
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from attune_operator.scaling import DecisionHistory

# Not `namespace`, which is what Prometheus calls the one that is scraped.
_LABELS: Final = ("deployment_namespace", "deployment")


class ScalingCollector(Collector):
    """Reads the decisions that hold when it is asked; costs nothing between scrapes."""

    def __init__(self, decisions: DecisionHistory) -> None:
        self._decisions = decisions

    def collect(self) -> Iterable[Metric]:
        """All decisions as metric families."""
        desired = _gauge("attune_scaling_desired_workers", "Workers that were decided upon.")
        recommended = _gauge("attune_scaling_recommended_workers", "Workers that the load asks for, within the bounds.")
        fewest = _gauge("attune_scaling_min_workers", "Lower bound in force.")
        most = _gauge("attune_scaling_max_workers", "Upper bound in force.")
        limited = _gauge("attune_scaling_limited", "1 while the load asks for more workers than the upper bound.")
        for key, decision in self._decisions.current.items():
            labels = (key.namespace, key.name)
            desired.add_metric(labels, decision.desired)
            limited.add_metric(labels, decision.limited_by_maximum)
            if decision.ledger is not None:
                recommended.add_metric(labels, decision.ledger.recommended)
                fewest.add_metric(labels, decision.ledger.min_replicas)
                most.add_metric(labels, decision.ledger.max_replicas)
        yield from (desired, recommended, fewest, most, limited)
        decided = CounterMetricFamily(
            "attune_scaling_decisions",
            "Decisions that differ from the one before, by what decided.",
            labels=(*_LABELS, "reason"),
        )
        for (key, reason), count in self._decisions.counted().items():
            decided.add_metric((key.namespace, key.name, reason), count)
        yield decided


def _gauge(name: str, text: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, labels=_LABELS)
