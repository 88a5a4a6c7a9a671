"""The alerts: the runbook's, accepted by promtool, on metrics that exist, with a page that says what to do."""

from typing import Any

import pytest
import yaml

from testbed.docs.pages import Page
from testbed.monitoring import promtool as tool
from testbed.monitoring.exported import named_in, series
from testbed.monitoring.rules import RULES, RULES_TEST, alerts
from testbed.services.program import REPOSITORY

RUNBOOK = """
- alert: HighQueueDepth
  expr: attune_queue_length > 100
  for: 5m
  labels:
    severity: warning
  annotations:
    summary: "Queue depth high for {{ $labels.action }}"
    description: "Queue has {{ $value }} waiting executions"
- alert: CriticalQueueDepth
  expr: attune_queue_length > 500
  for: 2m
  labels:
    severity: critical
  annotations:
    summary: "Critical queue depth for {{ $labels.action }}"
    description: "Queue has {{ $value }} waiting executions - add workers"
- alert: StuckQueue
  expr: attune_queue_last_updated < time() - 600
  for: 5m
  labels:
    severity: critical
  annotations:
    summary: "Queue not progressing for {{ $labels.action }}"
    description: "Queue hasn't updated in 10+ minutes"
- alert: OldestExecutionAging
  expr: attune_queue_oldest_age_seconds > 1800
  for: 5m
  labels:
    severity: warning
  annotations:
    summary: "Execution waiting 30+ minutes for {{ $labels.action }}"
"""
TABLE = [
    "attune_queue_length > 100",
    "attune_queue_length > 500",
    "attune_queue_length > 1000",
    "attune_queue_oldest_age_seconds > 600",
    "attune_queue_oldest_age_seconds > 1800",
    (
        "attune_queue_active < attune_queue_max_concurrent and attune_queue_length > 0"
        ' unless ignoring (admission) attune_queue_admission{admission="Hold"} == 1'
    ),
    "attune_queue_last_updated < time() - 600",
]


@pytest.fixture
def promtool() -> None:
    if not tool.available():
        pytest.skip("promtool is not installed, and only root on Debian can install it here")


@pytest.mark.usefixtures("promtool")
def test_promtool_accepts_the_rules() -> None:
    said = tool.promtool("check", "rules", RULES.name, folder=RULES.parent)
    assert f"SUCCESS: {len(alerts())} rules found" in said


@pytest.mark.usefixtures("promtool")
def test_every_alert_fires_when_it_should_and_not_before() -> None:
    assert "SUCCESS" in tool.promtool("test", "rules", RULES_TEST.name, folder=RULES.parent)


def test_every_alert_is_made_to_fire() -> None:
    tests = yaml.safe_load(RULES_TEST.read_text(encoding="utf-8"))["tests"]
    fired = {case["alertname"] for test in tests for case in test["alert_rule_test"] if case["exp_alerts"]}
    assert fired == {alert["alert"] for alert in alerts()}


def test_the_runbooks_alerts_are_there_word_for_word() -> None:
    def without_link(alert: dict[str, Any]) -> dict[str, Any]:
        return {**alert, "annotations": {k: v for k, v in alert["annotations"].items() if k != "runbook_url"}}

    present = [without_link(alert) for alert in alerts()]
    for wanted in yaml.safe_load(RUNBOOK):
        assert wanted in present


def test_the_seven_thresholds_of_the_runbooks_table_have_an_alert_each() -> None:
    assert [expr for expr in TABLE if expr not in [alert["expr"] for alert in alerts()]] == []


def test_alerts_are_about_what_the_program_exports() -> None:
    assert named_in(alert["expr"] for alert in alerts()) <= series()


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_every_alert_links_to_what_to_do(alert: dict[str, Any]) -> None:
    path, _, anchor = alert["annotations"]["runbook_url"].partition("#")
    assert anchor in Page(REPOSITORY / path).anchors
    # This one explains each alert.
    assert alert["alert"] in {heading.text for heading in Page(REPOSITORY / "docs/how-to/alerts.md").headings}
