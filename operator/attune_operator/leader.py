"""Leader election: waits for the Lease, keeps it while it leads, gives it up at once when it stops."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import NoReturn

import structlog

from attune_operator.cluster import Cluster, ClusterError, ConflictError, NotFoundError
from attune_operator.lease import Lease, LeaseMetadata, LeaseWatch

_log = structlog.get_logger("attune.leader")


class LeadershipLostError(Exception):
    """This process leads no more; whatever it still does it must not do."""


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """Seconds: how long a Lease lasts unrenewed, how long after a renewal its leader trusts it, between attempts."""

    duration: int = 10
    renew_deadline: float = 7.0
    retry: float = 1.5


class LeaderElection:
    """One candidate. ``identity`` must be of this process alone, or of a pod that runs only one such process."""

    def __init__(self, cluster: Cluster, name: str, identity: str, times: LeaseTimes) -> None:
        self._cluster = cluster
        self._name = name
        self._identity = identity
        self._times = times
        self._watch = LeaseWatch()
        self._lease: Lease | None = None
        self._attempted = self._renewed = monotonic()

    @property
    def current(self) -> bool:
        """Whether this process, which leads, has renewed recently enough to know that it still does."""
        return monotonic() - self._renewed < self._times.renew_deadline

    @property
    def last_attempt_age_seconds(self) -> float:
        """Time since the Lease was last asked for or renewed, successfully or not."""
        return monotonic() - self._attempted

    async def acquire(self) -> None:
        """Wait until this process leads."""
        _log.info("waiting for leadership", lease=self._name, identity=self._identity)
        leader: str | None = None
        while True:
            started = monotonic()
            try:
                lease = await self._take()
            except ClusterError as error:
                _log.warning("the lease cannot be asked for", error=str(error))
            else:
                if lease.spec.holder_identity == self._identity:
                    self._lease, self._renewed = lease, started
                    _log.info("leading", lease=self._name, identity=self._identity)
                    return
                if lease.spec.holder_identity != leader:
                    leader = lease.spec.holder_identity
                    _log.info("another replica leads", lease=self._name, leader=leader)
            await asyncio.sleep(self._times.retry)

    async def hold(self) -> NoReturn:
        """Renew the Lease for as long as this process leads; ends only by the error.

        While the API does not answer, nobody else can take the Lease either: this process leads on, and ``current``
        says that it must not write to the cluster.

        Raises:
            LeadershipLostError: another process has it.
        """
        while True:
            await asyncio.sleep(self._times.retry)
            started = monotonic()
            try:
                await self._renew()
            except ClusterError as error:
                _log.warning("the lease was not renewed", error=str(error))
            else:
                self._renewed = started

    async def release(self) -> None:
        """Give the Lease up, if this process has it, so that another one can take over at once."""
        if self._lease is None or self._lease.spec.holder_identity != self._identity:
            return
        try:
            await self._give_up(self._lease)
        except ClusterError as error:
            _log.warning("the lease was not released and has to run out", error=str(error))
        else:
            _log.info("lease released", lease=self._name)

    async def _give_up(self, lease: Lease) -> None:
        try:
            await self._cluster.replace_lease(lease.released(datetime.now(UTC)))
        except ConflictError:
            # A renewal was on its way when this process was told to stop, and nobody waited for its answer.
            current = await self._cluster.lease(self._name)
            if current.spec.holder_identity == self._identity:
                await self._cluster.replace_lease(current.released(datetime.now(UTC)))

    async def _take(self) -> Lease:
        """Take the Lease if that is allowed; returns it as it is afterwards."""
        self._attempted = monotonic()
        try:
            current = await self._cluster.lease(self._name)
        except NotFoundError:
            return await self._cluster.create_lease(self._held(Lease(metadata=LeaseMetadata(name=self._name))))
        if not self._watch.may_take(current, self._identity, monotonic()):
            return current
        return await self._cluster.replace_lease(self._held(current))

    async def _renew(self) -> None:
        self._attempted = monotonic()
        if self._lease is None:
            raise LeadershipLostError(f"lease {self._name} was never acquired")
        try:
            self._lease = await self._cluster.replace_lease(self._held(self._lease))
        except (ConflictError, NotFoundError):
            # Someone else wrote it: an annotation by hand, a renewal of ours whose answer was lost, or a new leader.
            self._lease = await self._take()
            if self._lease.spec.holder_identity != self._identity:
                raise LeadershipLostError(f"lease {self._name} is held by {self._lease.spec.holder_identity}") from None

    def _held(self, lease: Lease) -> Lease:
        return lease.held_by(self._identity, self._times.duration, datetime.now(UTC))
