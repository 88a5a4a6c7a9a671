"""What the doctor prints, and what it promises in the documentation."""

import json
import re
from pathlib import Path

import pytest

from attune_operator.ctl.doctor.catalogue import CHECKS
from attune_operator.ctl.doctor.report import report_document, report_lines, summary
from unit.operator.ctl.doctor.conftest import WORKERS, Clinic, failing, health, workload

HOW_TO = (Path(__file__).parents[5] / "docs" / "how-to" / "doctor.md").read_text(encoding="utf-8")


def test_a_finding_in_sentences(clinic: Clinic) -> None:
    findings = clinic.findings(workers={WORKERS: workload(WORKERS, exists=False)})
    lines = [line.plain for line in report_lines(findings, 1)]
    assert lines[0].startswith("CRITICAL there is no worker Deployment attune-system/workers, which echo names")
    assert "           kubectl -n attune-system get deployments" in lines
    assert lines[-1] == f"1 problem found, 1 critical: {len(CHECKS)} checks, 1 queue"
    assert summary([], 3) == f"No problem found: {len(CHECKS)} checks, 3 queues"


def test_a_finding_as_a_document(clinic: Clinic) -> None:
    findings = clinic.findings(executor=health(components=failing("broker", "completion_listener", "dispatcher")))
    (found,) = json.loads(json.dumps(report_document(findings, 1)))["findings"]
    assert (found["id"], found["severity"], found["policies"]) == ("broker-away", "critical", None)
    assert found["runbook"] == "docs/runbook.md#stuck-queue"
    assert found["consequences"] == ["RabbitMQ does not confirm what is dispatched"]


@pytest.mark.parametrize("name", CHECKS)
def test_causes_lead_to_causes_and_never_back(name: str) -> None:
    seen: set[str] = set()
    following = list(CHECKS[name].explained_by)
    while following:
        cause = following.pop()
        assert cause in CHECKS
        assert cause != name
        if cause not in seen:
            seen.add(cause)
            following += CHECKS[cause].explained_by


def test_the_how_to_lists_every_finding() -> None:
    listed = dict(re.findall(r"^\| `([a-z][a-z-]+)` \| (.+?) \|$", HOW_TO, re.MULTILINE))
    assert listed == {name: check.about for name, check in CHECKS.items()}
