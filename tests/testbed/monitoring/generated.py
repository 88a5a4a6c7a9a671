"""The files that are generated of alerts and metrics, for whoever writes or compares them."""

from pathlib import Path

from testbed.monitoring.dashboard import DASHBOARD, dashboard
from testbed.monitoring.reference import REFERENCE, reference
from testbed.monitoring.rules import PROMETHEUS_RULE, prometheus_rule


def files() -> dict[Path, str]:
    """Their paths, and what belongs in them."""
    return {PROMETHEUS_RULE: prometheus_rule(), DASHBOARD: dashboard(), REFERENCE: reference()}
