"""What is generated of alerts and metrics is up to date, and the dashboard shows what there is."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from testbed.monitoring.dashboard import DASHBOARD, expressions
from testbed.monitoring.exported import named_in, sections, series
from testbed.monitoring.generated import files
from testbed.monitoring.rules import PROMETHEUS_RULE, groups


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_the_committed_file_is_the_generated_one(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == files()[path], "run `make generate`"


def test_every_metric_says_what_it_tells() -> None:
    families = [family for each in sections().values() for family in each]
    assert [family.name for family in families if not family.documentation.endswith(".")] == []


def test_the_prometheus_rule_has_the_groups_of_the_file() -> None:
    assert yaml.safe_load(PROMETHEUS_RULE.read_text(encoding="utf-8"))["spec"]["groups"] == groups()


def test_the_dashboard_asks_for_what_the_program_exports_and_nothing_else() -> None:
    shown: list[dict[str, Any]] = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    asked = [target["expr"] for panel in shown for target in panel.get("targets", ())]
    assert asked == expressions()
    assert named_in(asked) <= series()


def test_every_metric_is_on_the_dashboard() -> None:
    bases = {name.removesuffix("_sum").removesuffix("_bucket").removesuffix("_count") for name in series()}
    asked = named_in(expressions())
    assert [base for base in sorted(bases) if not any(name.startswith(base) for name in asked)] == []


def test_no_two_panels_lie_over_each_other() -> None:
    places: set[tuple[int, int]] = set()
    for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not cells & places
        places |= cells
