"""The operator's section beside the executor's: `operator` in a file, `ATTUNE__OPERATOR__…` in the environment."""

import re
import socket
from pathlib import Path
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from attune_executor.settings import Settings
from attune_operator.lease import LEASE_NAME
from attune_operator.resources import ExecutorRules, QueueDefaults

_SERVICE_ACCOUNT_NAMESPACE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


def _own_namespace() -> str:
    if _SERVICE_ACCOUNT_NAMESPACE.exists():
        return _SERVICE_ACCOUNT_NAMESPACE.read_text(encoding="utf-8").strip()
    return "attune-system"


_NAMESPACE: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_ALL: Final = "*"


class WatchSettings(BaseModel):
    """Where policies and their worker Deployments are looked for."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    namespaces: tuple[str, ...] | None = None
    """Namespaces that this operator serves, in the environment as a JSON list; unset: its own. An empty list or `["*"]`
    stands for all namespaces and needs the ClusterRole of manifests/components/cluster-mode."""

    @field_validator("namespaces")
    @classmethod
    def _names(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for name in names or ():
            if name != _ALL and not _NAMESPACE.fullmatch(name):
                raise ValueError(f"{name!r} is not the name of a namespace; patterns are not supported, only '*' alone")
        if names and _ALL in names and len(names) > 1:
            raise ValueError("'*' stands for all namespaces: name either that or namespaces")
        return names


class OperatorSettings(BaseModel):
    """What one replica of the operator is told."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    namespace: str = Field(default_factory=_own_namespace)
    """The operator's own namespace, where its lease is: by default the pod's."""

    watch: WatchSettings = WatchSettings()
    """Where policies and their worker Deployments are looked for."""

    token_audiences: tuple[str, ...] = ()
    """Whom a caller's token must be meant for, one of these; unset: the Kubernetes API itself."""

    pod_name: str | None = None
    """Name of the pod, which the leader labels so that the Service finds it; unset outside of a cluster."""

    lease_name: str = LEASE_NAME
    """Lease by which one replica leads."""

    lease_duration_seconds: int = Field(default=10, ge=2)
    """Seconds after which a lease that is not renewed may be taken over: after a crash the next replica leads
    within this time, after SIGTERM at once."""

    renew_deadline_seconds: float = Field(default=7.0, gt=0)
    """Seconds after its last renewal for which a leader writes to the cluster; below the duration. Its queues go on."""

    retry_seconds: float = Field(default=1.5, gt=0)
    """Seconds between attempts to take or renew the lease."""

    health_port: int = Field(default=8081, ge=0, le=65535)
    """Port of `/livez` and `/readyz`, on every replica."""

    stale_seconds: float = Field(default=10.0, gt=0)
    """Age of the executor's last turn beyond which its figures are not trusted and nothing is scaled down."""

    status_seconds: float = Field(default=2.0, gt=0)
    """Least time between two writes to one policy's status."""

    resync_seconds: float = Field(default=60.0, gt=0)
    """Time between two complete lists of policies and Deployments, should an event ever be missed."""

    @model_validator(mode="after")
    def _in_time(self) -> Self:
        if not self.retry_seconds < self.renew_deadline_seconds < self.lease_duration_seconds:
            raise ValueError(
                "renew_deadline_seconds must be below lease_duration_seconds and above retry_seconds: otherwise a"
                " leader could go on writing after another one has begun"
            )
        return self

    @property
    def watched(self) -> tuple[str | None, ...]:
        """Names of the namespaces to serve, each once; a single None for all of the cluster's."""
        names = self.watch.namespaces
        if names is None:
            return (self.namespace,)
        return (None,) if not names or _ALL in names else tuple(dict.fromkeys(names))

    @property
    def identity(self) -> str:
        """Who this replica is in the lease.

        A pod's name: should its container start again it leads on without waiting for its own lease to run out.
        """
        return self.pod_name or f"{socket.gethostname()}-{id(self):x}"


class ProgramSettings(Settings):
    """All settings of the program: the executor's, and the operator's section."""

    operator: OperatorSettings = Field(default_factory=OperatorSettings)

    def executor_rules(self) -> ExecutorRules:
        """What the executor follows where no ExecutorConfig says otherwise.

        Raises:
            PolicyError: a key of the emergency is out of its range.
        """
        queue = self.executor.queue
        return ExecutorRules(
            queue=QueueDefaults(queue.max_queue_length, queue.queue_timeout_seconds),
            emergency=self.emergency(),
            requests_per_minute=self.api.rate_limits.every_caller.per_minute,
            maintenance=self.executor.maintenance.rules(snapshots=queue.enable_metrics),
        )
