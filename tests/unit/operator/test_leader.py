"""A leader that stops gives its lease up, whatever was on its way to the API server at that moment."""

from datetime import UTC, datetime

from attune_operator.cluster import Cluster, ConflictError, NotFoundError
from attune_operator.leader import LeaderElection, LeaseTimes
from attune_operator.lease import Lease

NAME = "attune-operator"


class Leases(Cluster):
    """One Lease, with versions as the API server keeps them."""

    def __init__(self) -> None:
        self.kept: Lease | None = None
        self._version = 0

    async def lease(self, name: str) -> Lease:
        if self.kept is None:
            raise NotFoundError(name)
        return self.kept

    async def create_lease(self, lease: Lease) -> Lease:
        return self._keep(lease)

    async def replace_lease(self, lease: Lease) -> Lease:
        if self.kept is None or lease.metadata.resource_version != self.kept.metadata.resource_version:
            raise ConflictError("the object has been modified")
        return self._keep(lease)

    def _keep(self, lease: Lease) -> Lease:
        self._version += 1
        metadata = lease.metadata.model_copy(update={"resource_version": str(self._version)})
        self.kept = lease.model_copy(update={"metadata": metadata})
        return self.kept

    @property
    def holder(self) -> str | None:
        return self.kept.spec.holder_identity if self.kept else None


async def leading(leases: Leases) -> LeaderElection:
    election = LeaderElection(leases, NAME, "me", LeaseTimes())
    await election.acquire()
    return election


async def test_a_leader_that_stops_gives_the_lease_up() -> None:
    leases = Leases()
    election = await leading(leases)

    await election.release()

    assert leases.holder == ""


async def test_a_renewal_whose_answer_nobody_waited_for_is_no_reason_to_keep_it() -> None:
    leases = Leases()
    election = await leading(leases)
    renewed = (await leases.lease(NAME)).held_by("me", 10, datetime.now(UTC))
    await leases.replace_lease(renewed)

    await election.release()

    assert leases.holder == ""


async def test_a_lease_that_another_one_has_taken_is_left_alone() -> None:
    leases = Leases()
    election = await leading(leases)
    await leases.replace_lease((await leases.lease(NAME)).held_by("another", 10, datetime.now(UTC)))

    await election.release()

    assert leases.holder == "another"
