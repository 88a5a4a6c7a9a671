"""What is wrong with the pods of a Deployment: one fault, the most basic one."""

from datetime import timedelta
from typing import Any

import pytest

from attune_operator.ctl.doctor.deployments import pod_fault
from attune_operator.ctl.doctor.evidence import Container
from unit.operator.ctl.doctor.conftest import NOW, OPERATOR, READY, WORKERS, Clinic, pod, workload

UNREADY = {"ready_since": None}


def container(**state: Any) -> dict[str, Any]:
    return {**UNREADY, "containers": (Container("worker", ready=False, **state),)}


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        (container(waiting="ImagePullBackOff", message="not found"), "image"),
        (container(waiting="ErrImageNeverPull"), "image"),
        (container(ended="OOMKilled", exit_code=137, restarts=2), "out-of-memory"),
        (container(waiting="CrashLoopBackOff", exit_code=1, restarts=2), "crashing"),
        (container(exit_code=3), "crashing"),
        (container(waiting="CreateContainerConfigError", message="no secret"), "crashing"),
        ({**UNREADY, "containers": (), "unscheduled": "0/3 nodes are available"}, "unschedulable"),
        (container(running_since=NOW), "not-ready"),
        ({**container(running_since=READY), "unready_since": NOW}, "hung"),
        ({**container(running_since=NOW), "unready_since": READY}, "not-ready"),
    ],
)
def test_each_state_of_a_pod_has_its_fault(changes: dict[str, Any], kind: str) -> None:
    fault = pod_fault(workload(WORKERS, pod(**changes)), NOW)
    assert fault is not None
    assert (fault.kind, fault.starting) == (kind, False)
    assert fault.evidence[0].startswith("Deployment attune-system/workers: 1 wanted")
    assert all(
        "workers" in remedy.command or "nodes" in remedy.command or "attune" in remedy.command
        for remedy in fault.remedies
    )


def test_a_quota_is_told_from_other_refusals() -> None:
    quota = workload(WORKERS, replicas=2, refused='pods "w" is forbidden: exceeded quota: q', quotas=["pods 0 of 0"])
    rule = workload(WORKERS, replicas=2, refused='pods "w" is forbidden: violates PodSecurity')
    found = [pod_fault(each, NOW) for each in (quota, rule)]
    assert [fault and fault.what for fault in found] == [
        "is refused its pods by a ResourceQuota",
        "is refused its pods",
    ]


def test_a_pod_that_is_well_has_none_also_after_a_restart() -> None:
    ended = NOW - timedelta(seconds=30)
    restarted = Container("worker", ready=True, restarts=3, ended="Error", exit_code=1, ended_at=ended)
    assert pod_fault(workload(WORKERS, pod(containers=(restarted,))), NOW) is None


def test_a_pod_that_was_just_killed_for_its_memory_has() -> None:
    killed = Container("worker", ready=True, ended="OOMKilled", exit_code=137, ended_at=NOW - timedelta(minutes=9))
    assert pod_fault(workload(WORKERS, pod(containers=(killed,))), NOW) is not None
    assert pod_fault(workload(WORKERS, pod(containers=(killed,))), NOW + timedelta(minutes=2)) is None


def test_a_young_pod_is_starting(clinic: Clinic) -> None:
    young = pod(**container(), created=NOW - timedelta(seconds=5))
    (found,) = clinic.findings(workers={WORKERS: workload(WORKERS, young)})
    assert (found.id, found.severity.name) == ("workers-starting", "NOTICE")


def test_the_last_lines_of_a_crash_are_shown_and_a_part_that_works_makes_it_less_urgent(clinic: Clinic) -> None:
    crashing = pod("workers-2", **container(exit_code=1, restarts=1), log=("no licence",))
    found = clinic.finding(workers={WORKERS: workload(WORKERS, pod(), crashing)})
    assert (found.id, found.severity.name) == ("workers-crashing", "WARNING")
    assert "log: no licence" in found.evidence


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        (workload(OPERATOR, exists=False), "operator-missing"),
        (workload(OPERATOR), "operator-scaled-to-zero"),
        (workload(OPERATOR, pod(**container(ended="OOMKilled", exit_code=137))), "operator-out-of-memory"),
        (workload(OPERATOR, pod(), pod(**container(waiting="CrashLoopBackOff", exit_code=1))), "operator-crashing"),
    ],
)
def test_the_operator_is_judged_alike(clinic: Clinic, operator: Any, expected: str) -> None:
    assert clinic.finding(operator=operator).id == expected
