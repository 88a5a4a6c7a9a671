"""What is no fault and one should know: emergency mode, and what could not be looked at."""

from collections.abc import Iterator

from attune_executor.domain.admission import Closure
from attune_operator.ctl.doctor.evidence import Evidence
from attune_operator.ctl.doctor.finding import Finding, Remedy, Severity
from attune_operator.resources import ConditionStatus, ConfigConditionType


def emergency_is_over(evidence: Evidence) -> Iterator[Finding]:
    """Emergency mode is off."""
    status = evidence.config.status if evidence.config else None
    found = next(
        (each for each in (status.conditions if status else ()) if each.type == ConfigConditionType.EMERGENCY_MODE),
        None,
    )
    if found is None or found.status is not ConditionStatus.TRUE:
        return
    standings = [each for shard in (evidence.executor.shards if evidence.executor else ()) for each in shard.actions]
    closed = sorted(each.action_ref for each in standings if each.closed_by is Closure.EMERGENCY)
    yield Finding(
        "emergency-mode",
        Severity.NOTICE,
        "emergency mode is on",
        (found.message, *([f"closed by it: {', '.join(closed)}"] if closed else [])),
        "somebody turned it on",
        (Remedy("attune emergency off", "when it is over; it puts back what was there before"),),
    )


def everything_was_seen(evidence: Evidence) -> Iterator[Finding]:
    """Nothing was kept from the doctor."""
    for unread in evidence.unread:
        yield Finding(
            "missing-right",
            Severity.NOTICE,
            f"not looked at: {unread.rule}",
            (unread.reason,),
            f"you have to be allowed to {unread.rule}",
        )
