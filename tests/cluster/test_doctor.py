"""`attune doctor` names each fault of a real system, and that one alone, and is silent when it is well."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from attune_operator.ctl.doctor.finding import Thresholds
from cluster.doctor_faults import FAULTS, Fault
from cluster.doctor_patient import Patient, faults
from testbed.attune.attune_program import Attune
from testbed.attune.callers import EVERYTHING, caller_token
from testbed.attune.cluster_view import ClusterView
from testbed.attune.warm_attune import WarmAttune
from testbed.cluster import Kubectl

pytestmark = pytest.mark.timeout(1800)

CALLER = "attune-caller"
APPEARS, HEALS = 180.0, 300.0


@pytest.fixture(scope="module")
def patient(attune: ClusterView) -> Iterator[Patient]:
    caller_token(attune.kubectl, attune.namespace, CALLER)
    patient = Patient(attune, WarmAttune(attune.kubectl, attune.namespace, {"ATTUNE_SERVICE_ACCOUNT": CALLER}))
    patient.prepare()
    yield patient
    patient.clear()


def silent(patient: Patient) -> None:
    """The doctor finds nothing, as soon as what was just changed has settled."""
    patient.await_workers()
    assert patient.examine_until(lambda found: not found, (), HEALS) == []


def test_a_healthy_system_has_no_finding(patient: Patient) -> None:
    silent(patient)
    program = Attune(patient.view.kubectl, patient.view.namespace, {"ATTUNE_SERVICE_ACCOUNT": CALLER})
    assert program.says("doctor").splitlines()[-1].startswith("No problem found: ")
    assert program.says("doctor").splitlines()[-1].endswith(" checks, 2 queues")
    assert program.says("doctor", "doctor-echo").endswith(" checks, 1 queue\n")


def names(findings: Sequence[Mapping[str, Any]], fault: Fault) -> bool:
    """Whether it is found alone, with what it has to say: the numbers in it follow a moment later."""
    return faults(findings) == {fault.finding} and any(
        each["id"] == fault.finding and fault.says in json.dumps(each) and each["remedies"] for each in findings
    )


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.finding)
def test_a_fault_is_named_and_it_alone(patient: Patient, fault: Fault) -> None:
    fault.inject(patient)
    try:
        findings = patient.examine_until(lambda found: names(found, fault), fault.options, APPEARS)
        assert names(findings, fault), findings
    finally:
        fault.undo(patient)
    silent(patient)


def test_what_somebody_meant_is_a_notice(patient: Patient) -> None:
    patient.change_policy("doctor-echo", admission="Hold")
    patient.program.says("emergency", "on", "--yes")
    try:
        found = patient.examine()
        assert [(each["id"], each["severity"]) for each in found] == [
            ("emergency-mode", "notice"),
            ("paused", "notice"),
        ]
    finally:
        patient.program.says("emergency", "off", "--yes")
        patient.change_policy("doctor-echo", admission="Open")
    silent(patient)


def test_a_right_that_is_missing_is_named_and_the_rest_is_looked_at(
    patient: Patient, tmp_path_factory: pytest.TempPathFactory
) -> None:
    view = patient.view
    look = {"apiGroups": ["attune.io"], "resources": ["actionqueuepolicies"], "verbs": ["get", "list"]}
    config = json.loads(view.kubectl.run("config", "view", "--minify", "--raw", "--flatten", "--output=json"))
    config["users"][0]["user"] = {
        "token": caller_token(view.kubectl, view.namespace, "doctor-poor", (look, EVERYTHING))
    }
    kubeconfig = tmp_path_factory.mktemp("poor") / "config"
    kubeconfig.write_text(json.dumps(config))
    program = Attune(Kubectl(view.kubectl.program, kubeconfig), view.namespace, {})
    done = program.run("doctor", "--output=json")
    found = json.loads(done.stdout)["findings"]
    assert (done.returncode, {each["id"] for each in found}) == (0, {"missing-right"})
    rules = " ".join(each["what"] for each in found)
    for resource in ("deployments.apps", "leases.coordination.k8s.io", "executorconfigs.attune.io", "pods/portforward"):
        assert resource in rules


def test_its_patience_is_the_runbooks() -> None:
    assert Thresholds() == Thresholds(stuck_seconds=600, queue_length=100, oldest_seconds=600)
