"""What the doctor has read: plain values, taken at one moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from attune_operator.ctl.doctor.executor_health import ExecutorHealth
from attune_operator.lease import Lease
from attune_operator.resources import ActionQueuePolicy, ExecutorConfig, ObjectKey


@dataclass(frozen=True, slots=True)
class Container:
    """A container of a pod, init containers included.

    Attributes:
        waiting: why it does not run, in the kubelet's word, and ``message`` in a sentence.
        ended: how it last ended, in the kubelet's word, with ``exit_code``; None: it never did.
        running_since: None while it does not run.
    """

    name: str
    ready: bool
    restarts: int = 0
    waiting: str | None = None
    message: str | None = None
    ended: str | None = None
    exit_code: int | None = None
    ended_at: datetime | None = None
    running_since: datetime | None = None

    @property
    def has_another_run(self) -> bool:
        """Whether the run that ended is not the latest one: another has begun, or is about to."""
        return self.restarts > 0 and (self.waiting is not None or self.running_since is not None)


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod that is not being deleted.

    Attributes:
        ready_since: None while it is not ready, and ``unready_since`` while it is.
        unscheduled: why no node takes it; None: one has.
        log: the last lines of the container that crashes, of the run that crashed.
        warnings: the last Events of type Warning about it.
    """

    name: str
    created: datetime
    ready_since: datetime | None = None
    unready_since: datetime | None = None
    unscheduled: str | None = None
    containers: Sequence[Container] = ()
    log: Sequence[str] = ()
    warnings: Sequence[str] = ()

    @property
    def fell_silent(self) -> bool:
        """Whether it runs, was ready in this run, and is not any more."""
        since = self.unready_since
        running = [each.running_since for each in self.containers if each.running_since is not None]
        return since is not None and bool(running) and max(running) < since


@dataclass(frozen=True, slots=True)
class Workload:
    """A Deployment and its pods.

    Attributes:
        exists: False where there is no Deployment of that name; the rest is empty then.
        refused: why the Kubernetes API does not let it create pods; None: it does.
        quotas: the namespace's ResourceQuotas with what is used, where pods were refused.
    """

    key: ObjectKey
    exists: bool = True
    replicas: int = 0
    ready: int = 0
    refused: str | None = None
    pods: Sequence[Pod] = ()
    quotas: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Unread:
    """Something that the user may not read; ``rule`` is what RBAC has to allow."""

    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class UnknownAction:
    """An execution that failed because its worker has no code for its action."""

    execution_id: int
    worker: str | None
    error: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that the diagnoses work from.

    Attributes:
        operator_namespace: where the operator is, or should be.
        policies: those that are asked about; None where the cluster does not know the kind.
        config: None where there is none.
        lease: None where nobody has ever led; ``lease_read`` says whether it could be looked at.
        operator: None where it could not be read.
        workers: the worker Deployments that the policies name and that could be read.
        executor: what the executor says of itself; None where it was not reached.
        unreached: why it was not reached; None where it was, or where the user may not ask it.
        unknown_actions: by action.
        unread: what could not be read.
    """

    now: datetime
    operator_namespace: str
    policies: Sequence[ActionQueuePolicy] | None
    config: ExecutorConfig | None = None
    lease: Lease | None = None
    lease_read: bool = True
    operator: Workload | None = None
    workers: Mapping[ObjectKey, Workload] = field(default_factory=dict[ObjectKey, Workload])
    executor: ExecutorHealth | None = None
    unreached: str | None = None
    unknown_actions: Mapping[str, UnknownAction] = field(default_factory=dict[str, UnknownAction])
    unread: Sequence[Unread] = ()

    @property
    def known_policies(self) -> Sequence[ActionQueuePolicy]:
        """The policies; none where the kind is not known."""
        return self.policies or ()

    def served_by(self, deployment: ObjectKey) -> list[ActionQueuePolicy]:
        """The policies whose workers are of this Deployment."""
        return [policy for policy in self.known_policies if deployment_of(policy) == deployment]


def deployment_of(policy: ActionQueuePolicy) -> ObjectKey | None:
    """The worker Deployment that a policy names; None where it names none."""
    workers = policy.spec.workers
    return None if workers is None else ObjectKey(policy.metadata.namespace, workers.deployment)
