"""Whether an operator leads, as its Lease shows: without one, statuses stand still and look as if all were well."""

from datetime import datetime
from typing import Final, NamedTuple

from attune_operator.lease import Lease

CLOCKS_DIFFER_SECONDS: Final = 60
"""How far a Lease may be overdue: this machine's clock is not the operator's."""


class Leadership(NamedTuple):
    """Who leads.

    Attributes:
        holder: who holds the Lease, as it calls itself; None for nobody, or where that cannot be told.
        problem: why the statuses may be old; None while somebody leads.
    """

    holder: str | None
    problem: str | None


def leadership(lease: Lease, now: datetime) -> Leadership:
    """Who leads, as the Lease says."""
    return Leadership(lease.spec.holder_identity or None, leadership_problem(lease, now))


def leadership_problem(lease: Lease, now: datetime) -> str | None:
    """Why the statuses may be old; None while somebody leads."""
    renewed = lease.spec.renew_time
    if renewed is None:
        return f"no operator has ever led: Lease {lease.metadata.name} was never renewed"
    age = (now - renewed).total_seconds()
    if age <= (lease.spec.lease_duration_seconds or 0) + CLOCKS_DIFFER_SECONDS:
        return None
    return f"no operator has led for {age:.0f} s: the figures are from then; look at its pods"
