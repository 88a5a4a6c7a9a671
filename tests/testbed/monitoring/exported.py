"""What the program exports, by asking its own collectors: the source of the reference, and what dashboards may show."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from prometheus_client.core import Metric

from attune_executor.api.metrics import QueueCollector
from attune_executor.api.service import AbsentService
from attune_executor.domain.maintenance import Task, TaskReport, TaskRun
from attune_executor.metrics.maintenance import MaintenanceCollector
from attune_executor.metrics.meter import ExecutorMeter
from attune_operator.metrics import ScalingCollector
from attune_operator.scaling import DecisionHistory

if TYPE_CHECKING:
    from prometheus_client.registry import Collector

_SERIES: Final = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}
_OURS: Final = re.compile(r"\battune_[a-z_]+\b")


def sections() -> dict[str, list[Metric]]:
    """Metric families by the part of the program that they tell of."""
    meter = ExecutorMeter()
    collectors: dict[str, Collector] = {
        "Queues": QueueCollector(AbsentService()),
        "Executor": meter,
        "Maintenance": MaintenanceCollector(lambda: [TaskReport(task, TaskRun(task, 0, 0, 0), 0) for task in Task]),
        "Scaling, on Kubernetes": ScalingCollector(DecisionHistory()),
    }
    return {title: list(collector.collect()) for title, collector in collectors.items()}


def names_of(family: Metric) -> list[str]:
    """The names of a family's time series."""
    return [family.name + suffix for suffix in _SERIES[family.type]]


def series() -> frozenset[str]:
    """The names of all time series."""
    return frozenset(name for families in sections().values() for family in families for name in names_of(family))


def named_in(expressions: Iterable[str]) -> set[str]:
    """Attune's time series that expressions name."""
    return {name for expression in expressions for name in _OURS.findall(expression)}
