"""The operator's section beside the executor's: `operator` in a file, `ATTUNE__OPERATOR__…` in the environment."""

import socket
from pathlib import Path
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from attune_executor.settings import Settings

_SERVICE_ACCOUNT_NAMESPACE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


def _own_namespace() -> str:
    if _SERVICE_ACCOUNT_NAMESPACE.exists():
        return _SERVICE_ACCOUNT_NAMESPACE.read_text(encoding="utf-8").strip()
    return "attune-system"


class OperatorSettings(BaseModel):
    """What one replica of the operator is told."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    namespace: str = Field(default_factory=_own_namespace)
    """Namespace of the policies, the worker Deployments and the lease: by default the pod's own."""

    pod_name: str | None = None
    """Name of the pod, which the leader labels so that the Service finds it; unset outside of a cluster."""

    lease_name: str = "attune-operator"
    """Lease by which one replica leads."""

    lease_duration_seconds: int = Field(default=10, ge=2)
    """Seconds after which a lease that is not renewed may be taken over."""

    renew_deadline_seconds: float = Field(default=7.0, gt=0)
    """Seconds after its last renewal for which a leader writes to the cluster; below the duration."""

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
    def identity(self) -> str:
        """Who this replica is in the lease.

        A pod's name: should its container start again it leads on without waiting for its own lease to run out.
        """
        return self.pod_name or f"{socket.gethostname()}-{id(self):x}"


class ProgramSettings(Settings):
    """All settings of the program: the executor's, and the operator's section."""

    operator: OperatorSettings = Field(default_factory=OperatorSettings)
