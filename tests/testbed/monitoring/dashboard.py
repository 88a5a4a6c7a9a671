"""The Grafana dashboard: rows of panels, from the question of 3 a.m. to the details."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from testbed.services.program import REPOSITORY

DASHBOARD: Final = REPOSITORY / "manifests/components/monitoring/dashboard.json"
_COLUMNS: Final = 24
_HEIGHT: Final = 8
_SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
_ACTION: Final = '{action=~"$action"}'


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel.

    Attributes:
        targets: expressions, with the legend of each.
        unit: Grafana's word for it.
        kind: Grafana's word for how it looks.
        thresholds: values from which on it is yellow, then red.
    """

    title: str
    targets: Sequence[tuple[str, str]]
    unit: str = "short"
    kind: str = "timeseries"
    thresholds: Sequence[float] = ()


def _quantiles(histogram: str) -> list[tuple[str, str]]:
    return [
        (f"histogram_quantile({quantile}, sum by (le) (rate({histogram}_bucket[$__rate_interval])))", f"p{name}")
        for quantile, name in ((0.5, "50"), (0.95, "95"), (0.99, "99"))
    ]


def _rate(counter: str, by: str, selector: str = "") -> str:
    return f"sum by ({by}) (rate({counter}{selector}[$__rate_interval]))"


ROWS: Final[dict[str, list[Panel]]] = {
    "Is it well?": [
        Panel("Serving", [("max(attune_engine_serving)", "")], kind="stat"),
        Panel("Database answers", [("min(attune_database_answers)", "")], kind="stat"),
        Panel("Broker connected", [("min(attune_broker_connected)", "")], kind="stat"),
        Panel("Waiting", [("sum(attune_queue_length)", "")], kind="stat", thresholds=(100, 500)),
        Panel("Oldest", [("max(attune_queue_oldest_age_seconds)", "")], "s", "stat", (600, 1800)),
        Panel("Overtaken (FIFO)", [("sum(attune_fifo_violations_total)", "")], kind="stat", thresholds=(1, 1)),
    ],
    "Queues": [
        Panel("Queue length", [(f"attune_queue_length{_ACTION}", "{{action}}")], thresholds=(100, 500)),
        Panel(
            "Age of the oldest",
            [(f"attune_queue_oldest_age_seconds{_ACTION}", "{{action}}")],
            "s",
            thresholds=(600, 1800),
        ),
        Panel(
            "Active, and the limit",
            [
                (f"attune_queue_active{_ACTION}", "{{action}}"),
                (f"attune_queue_max_concurrent{_ACTION}", "{{action}} limit"),
            ],
        ),
        Panel(
            "Held or closed",
            [('attune_queue_admission{action=~"$action", admission!="Open"}', "{{action}} {{admission}}")],
        ),
        Panel("Without a change for", [(f"time() - attune_queue_last_updated{_ACTION}", "{{action}}")], "s"),
        Panel("Accepted", [(_rate("attune_executions_enqueued_total", "action", _ACTION), "{{action}}")], "ops"),
        Panel("Finished", [(_rate("attune_executions_completed_total", "action", _ACTION), "{{action}}")], "ops"),
        Panel("Rejected", [(_rate("attune_executions_rejected_total", "action", _ACTION), "{{action}}")], "ops"),
        Panel("Refused, by reason", [(_rate("attune_requests_refused_total", "code"), "{{code}}")], "ops"),
    ],
    "Executions": [
        Panel("Waiting time", _quantiles("attune_execution_wait_seconds"), "s"),
        Panel("Run time", _quantiles("attune_execution_run_seconds"), "s"),
        Panel("How they end", [(_rate("attune_executions_finished_total", "status"), "{{status}}")], "ops"),
        Panel(
            "Dispatched, and again",
            [
                ("sum(rate(attune_executions_dispatched_total[$__rate_interval]))", "dispatched"),
                ("sum(rate(attune_executions_retried_total[$__rate_interval]))", "again"),
            ],
            "ops",
        ),
    ],
    "Scaling": [
        Panel("Workers decided upon", [("attune_scaling_desired_workers", "{{deployment}}")]),
        Panel(
            "Workers that the load asks for, and the bounds",
            [
                ("attune_scaling_recommended_workers", "{{deployment}}"),
                ("attune_scaling_min_workers", "{{deployment}} least"),
                ("attune_scaling_max_workers", "{{deployment}} most"),
            ],
        ),
        Panel(
            "Decisions",
            [
                (
                    "sum by (deployment, reason) (increase(attune_scaling_decisions_total[5m]))",
                    "{{deployment}} {{reason}}",
                )
            ],
        ),
        Panel("Limited by maxReplicas", [("attune_scaling_limited", "{{deployment}}")]),
    ],
    "Engine": [
        Panel("Turn", _quantiles("attune_turn_seconds"), "s"),
        Panel("Commit", _quantiles("attune_commit_seconds"), "s"),
        Panel("Turns per second", [("sum(rate(attune_turn_seconds_count[$__rate_interval]))", "turns")], "ops"),
        Panel("Answer to a submission", _quantiles("attune_submission_seconds"), "s"),
        Panel("Broker's confirmation", _quantiles("attune_publish_confirm_seconds"), "s"),
        Panel("Reports of workers", [("sum(rate(attune_worker_reports_total[$__rate_interval]))", "messages")], "ops"),
        Panel(
            "Errors",
            [
                ("sum(rate(attune_database_errors_total[$__rate_interval]))", "database"),
                ("sum(rate(attune_publish_failures_total[$__rate_interval]))", "broker"),
            ],
            "ops",
        ),
        Panel("Age of the last turn", [("attune_engine_last_turn_age_seconds", "{{pod}}")], "s"),
    ],
    "Maintenance": [
        Panel("Since the last run", [("time() - attune_maintenance_last_success_timestamp_seconds", "{{task}}")], "s"),
        Panel("Overdue for", [("clamp_min(time() - attune_maintenance_due_timestamp_seconds, 0)", "{{task}}")], "s"),
        Panel("Rows of the last run", [("attune_maintenance_last_rows", "{{task}}")]),
        Panel(
            "Running, and failed",
            [
                ("attune_maintenance_running", "{{task}}"),
                ("increase(attune_maintenance_failures_total[5m])", "{{task}} failed"),
            ],
        ),
    ],
}


def expressions() -> list[str]:
    """All expressions of the panels."""
    return [expression for panels in ROWS.values() for panel in panels for expression, _ in panel.targets]


def dashboard() -> str:
    """The dashboard as Grafana reads it."""
    model = {
        "uid": "attune-queues",
        "title": "Attune queues",
        "tags": ["attune"],
        "schemaVersion": 39,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {
            "list": [
                {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Prometheus"},
                {
                    "name": "action",
                    "type": "query",
                    "datasource": _SOURCE,
                    "query": "label_values(attune_queue_length, action)",
                    "refresh": 2,
                    "multi": True,
                    "includeAll": True,
                    "allValue": ".*",
                },
            ]
        },
        "panels": list(_panels()),
    }
    return json.dumps(model, indent=1) + "\n"


def _panels() -> Iterator[dict[str, Any]]:
    number = y = 0
    for title, panels in ROWS.items():
        number += 1
        yield {
            "id": number,
            "type": "row",
            "title": title,
            "collapsed": False,
            "panels": [],
            "gridPos": {"x": 0, "y": y, "w": _COLUMNS, "h": 1},
        }
        y += 1
        in_row = 6 if panels[0].kind == "stat" else 4
        height = _HEIGHT // 2 if panels[0].kind == "stat" else _HEIGHT
        for place, panel in enumerate(panels):
            number += 1
            position = {
                "x": place % in_row * (_COLUMNS // in_row),
                "y": y + place // in_row * height,
                "w": _COLUMNS // in_row,
                "h": height,
            }
            yield _panel(number, panel, position)
        y += -(-len(panels) // in_row) * height


def _panel(number: int, panel: Panel, position: dict[str, int]) -> dict[str, Any]:
    defaults: dict[str, Any] = {"unit": panel.unit, "min": 0}
    if panel.thresholds:
        yellow, red = panel.thresholds
        steps = [("green", None), ("yellow", yellow), ("red", red)]
        defaults["thresholds"] = {
            "mode": "absolute",
            "steps": [{"color": color, "value": value} for color, value in steps],
        }
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "datasource": _SOURCE,
        "gridPos": position,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + place), "datasource": _SOURCE, "expr": expression, "legendFormat": legend}
            for place, (expression, legend) in enumerate(panel.targets)
        ],
    }
