"""Verdicts: conditions without their times, and how they become conditions."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from attune_operator.resources import Condition, ConditionStatus


class Verdict(NamedTuple):
    """Whether a condition holds, why in one CamelCase word, and why and what to do in a sentence."""

    status: ConditionStatus
    reason: str
    message: str


def holds(reason: str, message: str) -> Verdict:
    """The condition is True."""
    return Verdict(ConditionStatus.TRUE, reason, message)


def fails(reason: str, message: str) -> Verdict:
    """The condition is False."""
    return Verdict(ConditionStatus.FALSE, reason, message)


def unknown(reason: str, message: str) -> Verdict:
    """The condition is Unknown."""
    return Verdict(ConditionStatus.UNKNOWN, reason, message)


def settled(
    verdicts: Mapping[str, Verdict], generation: int, previous: tuple[Condition, ...], now: datetime
) -> tuple[Condition, ...]:
    """The conditions at ``now``, by type; a transition time is kept for as long as its status is."""
    earlier = {condition.type: condition for condition in previous}
    result: list[Condition] = []
    for kind, verdict in verdicts.items():
        before = earlier.get(kind)
        unchanged = before is not None and before.status == verdict.status
        result.append(
            Condition(
                type=kind,
                status=verdict.status,
                observed_generation=generation,
                last_transition_time=before.last_transition_time if before and unchanged else now,
                reason=verdict.reason,
                message=verdict.message,
            )
        )
    return tuple(result)
