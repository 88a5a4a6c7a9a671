"""Faults, each a way to make Attune ill, the way back, and what the doctor is to find.

The order is that of a tour: what needs the workers' pods first, then queues, then the services and the operator.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

from cluster.doctor_patient import DEPLOYMENT, ECHO, SLEEP, Patient
from testbed.attune.cluster_view import OPERATOR

Step = Callable[[Patient], object]


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        finding: the id of the one finding.
        says: words that its evidence, cause or consequences have to say.
        options: of the doctor, where the runbook's patience is too long for a test.
    """

    finding: str
    inject: Step
    undo: Step
    says: str
    options: tuple[str, ...] = ()


def _delete_workers(patient: Patient) -> None:
    patient.view.run("delete", "deployment", DEPLOYMENT, "--wait=true")


def _delete_pods(patient: Patient) -> None:
    patient.view.run("delete", "pod", f"--selector=app.kubernetes.io/name={DEPLOYMENT}", "--wait=true")


def _use_up_quota(patient: Patient) -> None:
    patient.view.run("create", "quota", "doctor", "--hard=pods=0")
    _delete_pods(patient)


def _lift_quota(patient: Patient) -> None:
    patient.view.run("delete", "quota", "doctor")
    # The controller would try again later and later.
    _delete_workers(patient)
    patient.restore_workers()


def _scale_by_hand(patient: Patient) -> None:
    for name in ("doctor-echo", "doctor-sleep"):
        patient.change_policy(name, workers={"mode": "Off"})
    patient.view.run(
        "wait", "aqp", "--all", "--for=jsonpath={.status.conditions[?(@.type=='ScalingLimited')].reason}=NotScaled"
    )
    patient.scale(DEPLOYMENT, 0)
    # Or the last one would run what is submitted.
    _delete_pods(patient)
    patient.submit(ECHO)


def _scale_by_operator(patient: Patient) -> None:
    for name in ("doctor-echo", "doctor-sleep"):
        patient.change_policy(name, workers={"mode": "Auto"})


def _sleep(patient: Patient, count: int, seconds: float = 120, **spec: object) -> None:
    patient.change_policy("doctor-sleep", **spec)
    patient.view.run("wait", "aqp", "doctor-sleep", "--for=condition=Ready")
    for _ in range(count):
        patient.submit(SLEEP, seconds=seconds)


def _wake(patient: Patient) -> None:
    patient.end_everything()
    patient.change_policy("doctor-sleep", concurrency=2, maxQueueLength=None, rateLimit=None)


_OPEN_TRANSACTION = "BEGIN; LOCK TABLE attune.execution IN SHARE MODE;"


def _forget_to_commit(patient: Patient) -> None:
    """Somebody's psql, left open in a transaction, while executions run and go on finishing."""
    for seconds in (5, 10, 20, 40):
        patient.submit(SLEEP, seconds=seconds)
    patient.start_psql("doctor", _OPEN_TRANSACTION)


def _end_transaction(patient: Patient) -> None:
    # What the doctor says, by name.
    patient.view.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'doctor'")
    _wake(patient)


def _disable(patient: Patient, enabled: str = "false") -> None:
    patient.view.query(f"UPDATE attune.action SET enabled = {enabled} WHERE ref = '{ECHO}'")  # noqa: S608 - its own


def _submit_without_code(patient: Patient) -> None:
    patient.policy("doctor-nowhere", "core.nowhere")
    patient.view.run("wait", "aqp", "doctor-nowhere", "--for=condition=Ready", "--timeout=60s")
    patient.submit("core.nowhere")


def _submit_without_workers(patient: Patient) -> None:
    patient.policy("doctor-nobody", "core.nobody", workers=False)
    patient.view.run("wait", "aqp", "doctor-nobody", "--for=condition=Ready", "--timeout=60s")
    patient.submit("core.nobody")


def _forget(name: str) -> Step:
    def undo(patient: Patient) -> None:
        patient.end_everything()
        patient.view.run("delete", "aqp", name)

    return undo


def _autoscale(patient: Patient) -> None:
    manifest = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "doctor", "namespace": patient.view.namespace},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": DEPLOYMENT},
            "minReplicas": 1,
            "maxReplicas": 1,
        },
    }
    patient.view.kubectl.apply([manifest])


def _revoke(patient: Patient) -> None:
    _rabbitmqctl(
        patient, "rabbitmqctl set_permissions attune '.*' '.*' '^$'; rabbitmqctl close_all_user_connections attune x"
    )


def _grant(patient: Patient) -> None:
    _rabbitmqctl(patient, "rabbitmqctl set_permissions attune '.*' '.*' '.*'")


def _rabbitmqctl(patient: Patient, script: str) -> None:
    patient.view.run("exec", "deployment/rabbitmq", "--", "sh", "-c", script)


def _lead_nowhere(patient: Patient, name: str = "nowhere") -> None:
    selector = json.dumps({"spec": {"selector": {"app.kubernetes.io/name": name}}})
    patient.view.run("patch", "service", "postgres", "--type=merge", f"--patch={selector}")


def _cut_off_database(patient: Patient) -> None:
    _lead_nowhere(patient)
    patient.view.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename = 'attune'"
    )


_OVERTAKE = """
WITH action AS (INSERT INTO attune.action (ref) VALUES ('doctor.overtaken') RETURNING id, ref)
INSERT INTO attune.execution
    (id, action, action_ref, status, parameters, queue_order, dispatch_order, publish_order, attempt)
SELECT nextval('attune.execution_id'), id, ref, status, '{}', queue_order, dispatched, dispatched, attempt
FROM action, (VALUES ('requested', 1, NULL, 0), ('scheduled', 2, 1, 1))
    AS entry (status, queue_order, dispatched, attempt)
"""
_FORGET_OVERTAKEN = """
DELETE FROM attune.execution WHERE action_ref = 'doctor.overtaken';
DELETE FROM attune.action WHERE ref = 'doctor.overtaken'
"""


def _overtake(patient: Patient) -> None:
    """What a bug would leave behind; who begins to lead checks the order at once, and once a minute from then on."""
    patient.view.query(_OVERTAKE)
    patient.change_leader()


def _forget_overtaken(patient: Patient) -> None:
    patient.view.query(_FORGET_OVERTAKEN)
    patient.change_leader()


def _refuse_lease(patient: Patient) -> None:
    patient.forbid_operator("coordination.k8s.io")
    patient.age_lease(minutes=5)


def _configure(setting: str) -> Step:
    def change(patient: Patient) -> None:
        patient.view.run("set", "env", f"deployment/{OPERATOR}", "--containers=operator", setting)

    return change


FAULTS = (
    Fault(
        "workers-deployment-missing",
        _delete_workers,
        lambda patient: patient.restore_workers(),
        f"Deployment attune-test/{DEPLOYMENT}: not found",
    ),
    Fault(
        "workers-image",
        lambda patient: patient.change_pods({"image": "attune-worker:of-nobody", "imagePullPolicy": "Never"}),
        lambda patient: patient.restore_workers(),
        "ErrImageNeverPull",
    ),
    Fault(
        "workers-crashing",
        lambda patient: patient.change_pods({"command": ["sh", "-c", "echo no such licence >&2; exit 3"]}),
        lambda patient: patient.restore_workers(),
        "log: no such licence",
    ),
    Fault(
        "workers-unschedulable",
        lambda patient: patient.change_pods({}, nodeSelector={"attune.io/of": "nobody"}),
        lambda patient: patient.restore_workers(),
        "node",
    ),
    Fault(
        "workers-out-of-memory",
        lambda patient: patient.change_pods(
            {"command": ["python3", "-c", "b'x' * 10**9"], "resources": {"limits": {"memory": "64Mi"}}}
        ),
        lambda patient: patient.restore_workers(),
        "ended OOMKilled",
    ),
    Fault("workers-refused", _use_up_quota, _lift_quota, "exceeded quota: doctor"),
    Fault(
        "workers-hung",
        lambda patient: patient.signal_worker("STOP"),
        lambda patient: patient.signal_worker("CONT"),
        "not ready since",
    ),
    Fault("workers-scaled-to-zero", _scale_by_hand, _scale_by_operator, "mode Off"),
    Fault(
        "another-autoscaler", _autoscale, lambda patient: patient.view.run("delete", "hpa", "doctor"), "ScaledByAnother"
    ),
    Fault(
        "policy-not-in-force",
        lambda patient: patient.policy("doctor-second", ECHO),
        _forget("doctor-second"),
        "doctor-echo",
    ),
    Fault("action-disabled", _disable, lambda patient: _disable(patient, "true"), "enabled is false"),
    Fault(
        "action-closed",
        lambda patient: patient.change_policy("doctor-echo", admission="Closed"),
        lambda patient: patient.change_policy("doctor-echo", admission="Open"),
        "admission Closed",
    ),
    Fault("action-without-code", _submit_without_code, _forget("doctor-nowhere"), "core.echo, core.http.get"),
    Fault("no-worker", _submit_without_workers, _forget("doctor-nobody"), "pool default"),
    Fault(
        "rate-limited",
        lambda patient: _sleep(patient, 3, 0, rateLimit={"maxExecutions": 1, "windowSeconds": 3600}),
        _wake,
        "rate_limit until",
        ("--queue-length=1",),
    ),
    Fault(
        "concurrency-too-low",
        lambda patient: _sleep(patient, 4, concurrency=1),
        _wake,
        "idle slots of its workers: 3",
        ("--queue-length=1",),
    ),
    Fault(
        "max-replicas",
        lambda patient: _sleep(patient, 7, concurrency=20),
        _wake,
        "at most 1",
        ("--queue-length=1",),
    ),
    Fault(
        "queue-full",
        lambda patient: _sleep(patient, 3, concurrency=1, maxQueueLength=1),
        _wake,
        "Queue full (max length: 1)",
    ),
    Fault("executions-hung", lambda patient: _sleep(patient, 1), _wake, "1 run", ("--stuck-after=3",)),
    Fault("completions-backing-up", _forget_to_commit, _end_transaction, "doctor, user attune, idle in transaction"),
    Fault("listener-stalled", _revoke, _grant, "set_permissions"),
    Fault(
        "broker-away",
        lambda patient: patient.scale("rabbitmq", 0),
        lambda patient: patient.scale("rabbitmq", 1),
        "cannot use the broker",
    ),
    Fault("database-away", _cut_off_database, lambda patient: _lead_nowhere(patient, "postgres"), "database"),
    Fault("fifo-violation", _overtake, _forget_overtaken, "1 executions were overtaken"),
    Fault("no-leader", _refuse_lease, lambda patient: patient.allow_operator(), "Lease attune-test/attune-operator"),
    Fault(
        "operator-crashing",
        _configure("ATTUNE__OPERATOR__NO_SUCH=1"),
        _configure("ATTUNE__OPERATOR__NO_SUCH-"),
        "no_such",
    ),
    Fault(
        "operator-scaled-to-zero",
        lambda patient: patient.scale(OPERATOR, 0),
        lambda patient: patient.scale(OPERATOR, 2),
        "0 wanted",
    ),
)
