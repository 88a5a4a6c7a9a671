"""The Lease by which one replica leads, and the rules for taking, keeping and giving it up: pure.

The Kubernetes client has an election of its own. It is not used: a connection error ends it while its leader's work
goes on, its renewal has no deadline of its own, it writes local time as UTC, and it never releases.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from attune_operator.resources.schema import ResourceModel

LEASE_NAME: Final = "attune-operator"
"""The Lease's name, unless the operator is told another."""


class LeaseMetadata(ResourceModel):
    """What identifies a Lease and its version."""

    name: str
    resource_version: str | None = None


class LeaseSpec(ResourceModel):
    """Who leads, since when, and until when unless it is renewed."""

    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    acquire_time: datetime | None = None
    renew_time: datetime | None = None
    lease_transitions: int = 0


class Lease(ResourceModel):
    """A Lease of coordination.k8s.io/v1."""

    metadata: LeaseMetadata
    spec: LeaseSpec = LeaseSpec()

    def manifest(self) -> dict[str, Any]:
        """The object as the API takes it."""
        spec = self.spec.model_dump(by_alias=True, exclude_none=True)
        for name in ("acquireTime", "renewTime"):
            if name in spec:
                # A MicroTime: exactly six digits.
                spec[name] = spec[name].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": self.metadata.model_dump(by_alias=True, exclude_none=True),
            "spec": spec,
        }

    def held_by(self, identity: str, duration_seconds: int, now: datetime) -> "Lease":
        """The Lease as ``identity`` takes it or renews it."""
        renewal = self.spec.holder_identity == identity
        first = self.spec.acquire_time is None
        spec = LeaseSpec(
            holder_identity=identity,
            lease_duration_seconds=duration_seconds,
            acquire_time=self.spec.acquire_time if renewal else now,
            renew_time=now,
            lease_transitions=self.spec.lease_transitions + (0 if renewal or first else 1),
        )
        return self.model_copy(update={"spec": spec})

    def released(self, now: datetime) -> "Lease":
        """The Lease without a holder, so that the next one need not wait for it to run out."""
        spec = self.spec.model_copy(update={"holder_identity": "", "lease_duration_seconds": 1, "renew_time": now})
        return self.model_copy(update={"spec": spec})


@dataclass(slots=True)
class LeaseWatch:
    """When this process last saw the Lease change, by its own clock: other machines' clocks are not trusted."""

    _version: str | None = None
    _since: float = 0.0

    def may_take(self, lease: Lease, identity: str, now: float) -> bool:
        """Whether ``identity`` may take ``lease``, seen at ``now`` on a monotonic clock, in seconds.

        It may when nobody holds it, when it holds it itself, or when its holder has not renewed it for its duration.
        """
        if lease.metadata.resource_version != self._version:
            self._version, self._since = lease.metadata.resource_version, now
        holder = lease.spec.holder_identity
        if not holder or holder == identity:
            return True
        return now - self._since > (lease.spec.lease_duration_seconds or 0)
