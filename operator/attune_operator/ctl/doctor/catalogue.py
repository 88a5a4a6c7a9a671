"""Every check of the doctor: what it looks for, where the runbook treats it, and which faults explain it.

A finding that another one explains is listed under that one. The order is that of causes: where two would explain a
third, the first of them does.
"""

from typing import Final, NamedTuple


class Check(NamedTuple):
    """One check.

    Attributes:
        about: what it finds, for the documentation.
        section: the heading of the runbook on Kubernetes, as an anchor.
        explained_by: the findings that this one follows from, where they concern the same queues.
    """

    about: str
    section: str
    explained_by: tuple[str, ...] = ()


_CRASH_LOOP: Final = "emergency-executor-crash-loop"
_STUCK: Final = "stuck-queue"
_GROWING: Final = "growing-queue"
_OVERLOAD: Final = "emergency-system-wide-queue-overload"

_OPERATOR: Final = (
    "operator-missing",
    "operator-scaled-to-zero",
    "operator-image",
    "operator-refused",
    "operator-unschedulable",
    "operator-out-of-memory",
    "operator-crashing",
)
_EXECUTOR: Final = (*_OPERATOR, "no-leader", "executor-unreachable", "executor-hung", "database-away")
_SERVICES: Final = (*_EXECUTOR, "broker-away", "listener-stalled")
_TURNS: Final = (*_SERVICES, "completions-backing-up")
_WORKERS: Final = (
    "workers-deployment-missing",
    "workers-scaled-to-zero",
    "workers-image",
    "workers-refused",
    "workers-unschedulable",
    "workers-out-of-memory",
    "workers-crashing",
    "workers-not-ready",
    "workers-hung",
    "no-worker",
)
_QUEUES: Final = ("crd-missing", *_TURNS, *_WORKERS, "policy-not-in-force", "action-without-code")

CHECKS: Final[dict[str, Check]] = {
    "crd-missing": Check("the cluster does not know ActionQueuePolicies", "quick-reference"),
    "operator-missing": Check("there is no Deployment of the operator", "quick-reference"),
    "operator-scaled-to-zero": Check("the operator's Deployment has no replicas", "quick-reference"),
    "operator-image": Check("the operator's image cannot be had", _CRASH_LOOP),
    "operator-refused": Check("the operator's pods are refused, by a quota or an admission rule", _CRASH_LOOP),
    "operator-unschedulable": Check("no node takes the operator's pods", _CRASH_LOOP),
    "operator-out-of-memory": Check("the operator was killed for its memory", _CRASH_LOOP),
    "operator-crashing": Check("the operator's containers exit again and again", _CRASH_LOOP),
    "no-leader": Check("the operator's pods are there and none leads", _STUCK, _OPERATOR),
    "executor-unreachable": Check(
        "a replica leads and its executor does not answer: starting, or waiting for database or broker",
        _STUCK,
        (*_OPERATOR, "no-leader"),
    ),
    "executor-silent": Check("an executor that shares the shards does not answer the others", _STUCK),
    "shards-unserved": Check("nobody serves a shard", _STUCK, ("database-away", "broker-away")),
    "executor-hung": Check("the executor answers and its turns stand still", _STUCK, ("database-away",)),
    "database-away": Check("the executor does not get at PostgreSQL", _STUCK),
    "broker-away": Check("the executor does not get at RabbitMQ", _STUCK),
    "listener-stalled": Check("RabbitMQ is there and the CompletionListener hears nothing", _STUCK, ("database-away",)),
    "completions-backing-up": Check(
        "what workers report waits: turns commit slowly, or somebody locks what they write", _STUCK, _SERVICES
    ),
    "dispatches-unconfirmed": Check("RabbitMQ does not confirm what is dispatched", _STUCK, _SERVICES),
    "statistics-stale": Check("the figures that are shown are old", _STUCK, _TURNS),
    "fifo-violation": Check("an execution was overtaken by one behind it: a bug", "issue-4-fifo-order-violation"),
    "workers-deployment-missing": Check("a policy names a Deployment that is not there", _GROWING),
    "workers-scaled-to-zero": Check("a worker Deployment has no replicas, and something waits", _GROWING),
    "workers-image": Check("the workers' image cannot be had", _GROWING),
    "workers-refused": Check("worker pods are refused, by a quota or an admission rule", _GROWING),
    "workers-unschedulable": Check("no node takes the worker pods", _GROWING),
    "workers-out-of-memory": Check("workers were killed for their memory", _GROWING),
    "workers-crashing": Check(
        "workers exit again and again", _GROWING, ("broker-away", "listener-stalled", "workers-out-of-memory")
    ),
    "workers-not-ready": Check(
        "worker pods run and have never become ready", _GROWING, ("broker-away", "listener-stalled")
    ),
    "workers-hung": Check(
        "worker pods run and answer neither roll calls nor probes", _STUCK, (*_TURNS, "workers-not-ready")
    ),
    "no-worker": Check("something waits for a pool in which no worker has announced itself", _GROWING, _TURNS),
    "another-autoscaler": Check("an HPA or ScaledObject scales a Deployment that a policy is to scale", _GROWING),
    "policy-not-in-force": Check("a policy is not enforced", "issue-2-queue-not-progressing", _TURNS),
    "no-policy": Check("there is no policy, so that every submission is refused", "quick-reference", ("crd-missing",)),
    "action-disabled": Check("somebody disabled an action in the database", "issue-3-queue-full-errors"),
    "action-closed": Check("an action's admission is Closed", "issue-3-queue-full-errors"),
    "action-without-code": Check("workers have no code for an action", _GROWING),
    "queue-full": Check("a queue is as long as it may be, and executions are refused", "queue-full", _QUEUES),
    "rate-limited": Check("the head of a queue waits for its rate limit", _GROWING, _QUEUES),
    "concurrency-too-low": Check("executions wait while workers idle", _GROWING, (*_QUEUES, "queue-full")),
    "max-replicas": Check("the load asks for more workers than maxReplicas", _GROWING, (*_QUEUES, "queue-full")),
    "workers-held-back": Check(
        "more workers are wanted than the Deployment is set to",
        _GROWING,
        (*_QUEUES, "another-autoscaler", "queue-full"),
    ),
    "queue-growing": Check(
        "a queue is long or late and its workers are busy", _GROWING, (*_QUEUES, "another-autoscaler", "queue-full")
    ),
    "executions-hung": Check(
        "executions run and nothing has moved for the runbook's 10 minutes", _STUCK, (*_QUEUES, "rate-limited")
    ),
    "queue-stuck": Check(
        "executions wait, none runs, and nothing has moved for the runbook's 10 minutes",
        _STUCK,
        (*_QUEUES, "rate-limited"),
    ),
    "emergency-mode": Check("emergency mode is on: a notice", _OVERLOAD),
    "paused": Check("an action is paused: a notice", "issue-2-queue-not-progressing"),
    "workers-starting": Check("workers were just started: a notice", _GROWING),
    "missing-right": Check("something could not be looked at: a notice that names the RBAC rule", "quick-reference"),
}
