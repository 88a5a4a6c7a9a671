"""When a lease may be taken, and what is written into it."""

from datetime import UTC, datetime

import pytest

from attune_operator.lease import Lease, LeaseMetadata, LeaseWatch

NOW = datetime(2027, 1, 15, 8, 0, tzinfo=UTC)
LATER = datetime(2027, 1, 15, 8, 0, 5, tzinfo=UTC)


def lease(version: str = "1", holder: str | None = None, duration: int = 10) -> Lease:
    return Lease.model_validate(
        {
            "metadata": {"name": "attune-operator", "resourceVersion": version},
            "spec": {"holderIdentity": holder, "leaseDurationSeconds": duration, "acquireTime": "2027-01-15T07:00:00Z"},
        }
    )


@pytest.mark.parametrize("holder", [None, "", "me"])
def test_a_lease_that_nobody_else_holds_may_be_taken_at_once(holder: str | None) -> None:
    assert LeaseWatch().may_take(lease(holder=holder), "me", 0.0)


def test_a_lease_that_another_one_holds_may_be_taken_when_it_was_not_renewed_for_its_duration() -> None:
    watch = LeaseWatch()

    assert not watch.may_take(lease(holder="other"), "me", 100.0)
    assert not watch.may_take(lease(holder="other"), "me", 110.0)
    assert watch.may_take(lease(holder="other"), "me", 110.1)


def test_each_renewal_is_waited_for_anew() -> None:
    watch = LeaseWatch()

    assert not watch.may_take(lease("1", holder="other"), "me", 100.0)
    assert not watch.may_take(lease("2", holder="other"), "me", 109.0)
    assert not watch.may_take(lease("2", holder="other"), "me", 118.0)
    assert watch.may_take(lease("2", holder="other"), "me", 119.1)


def test_a_lease_taken_from_another_one_counts_a_transition() -> None:
    taken = lease(holder="other").held_by("me", 10, NOW)

    assert (taken.spec.holder_identity, taken.spec.lease_transitions) == ("me", 1)
    assert (taken.spec.acquire_time, taken.spec.renew_time) == (NOW, NOW)


def test_a_renewal_keeps_the_time_of_acquisition() -> None:
    renewed = lease(holder="other").held_by("me", 10, NOW).held_by("me", 10, LATER)

    assert (renewed.spec.acquire_time, renewed.spec.renew_time, renewed.spec.lease_transitions) == (NOW, LATER, 1)


def test_a_first_lease_counts_no_transition() -> None:
    assert Lease(metadata=LeaseMetadata(name="new")).held_by("me", 10, NOW).spec.lease_transitions == 0


def test_a_released_lease_may_be_taken_at_once() -> None:
    released = lease(holder="me").released(NOW)

    assert LeaseWatch().may_take(released, "other", 0.0)


def test_times_are_written_as_micro_times_and_the_version_guards_the_write() -> None:
    manifest = lease("7").held_by("me", 10, NOW).manifest()

    assert manifest["spec"]["renewTime"] == "2027-01-15T08:00:00.000000Z"
    assert manifest["metadata"] == {"name": "attune-operator", "resourceVersion": "7"}
