"""What a change of status is worth telling as an Event: conditions that turned, and workers that were scaled."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from attune_operator.resources import ActionQueuePolicyStatus, Condition, ConditionStatus, ConditionType
from attune_operator.resources.condition import PENDING, READY
from attune_operator.status.conditions import SCALED_TO_ZERO

AS_IT_SHOULD_BE: Final[Mapping[str, ConditionStatus]] = {
    ConditionType.READY: ConditionStatus.TRUE,
    ConditionType.SATURATED: ConditionStatus.FALSE,
    ConditionType.SCALING_LIMITED: ConditionStatus.FALSE,
    ConditionType.WORKERS_AVAILABLE: ConditionStatus.TRUE,
    ConditionType.STUCK: ConditionStatus.FALSE,
}
"""What each condition is when nobody has to look. Stalled is not here: it says what Ready says."""


class Severity(StrEnum):
    """The types of Events."""

    NORMAL = "Normal"
    WARNING = "Warning"


@dataclass(frozen=True, slots=True)
class Transition:
    """One Event to be: the reason in one CamelCase word, the note for people, and what was done in one word."""

    severity: Severity
    reason: str
    note: str
    action: str = "Observe"


def policy_transitions(before: ActionQueuePolicyStatus | None, after: ActionQueuePolicyStatus) -> list[Transition]:
    """What changed between two statuses of a policy; None: it had none."""
    before = before or ActionQueuePolicyStatus()
    turned = condition_transitions(before.conditions, after.conditions, AS_IT_SHOULD_BE)
    return [*turned, *_scaled(before, after)]


def condition_transitions(
    before: Iterable[Condition], after: Iterable[Condition], as_it_should_be: Mapping[str, ConditionStatus]
) -> Iterator[Transition]:
    """The conditions that turned bad, are bad for another reason, or recovered; and the first time of Ready.

    Unknown is no transition: when the executor is away all objects would tell the same at once.
    """
    earlier = {condition.type: condition for condition in before}
    for condition in after:
        good = as_it_should_be.get(condition.type)
        if good is None or condition.status is ConditionStatus.UNKNOWN or condition.reason == PENDING:
            continue
        known = earlier.get(condition.type)
        note = f"{condition.type} is {condition.status}: {condition.message}"
        if condition.status is not good:
            if known is None or (known.status, known.reason) != (condition.status, condition.reason):
                severity = Severity.NORMAL if condition.reason == SCALED_TO_ZERO else Severity.WARNING
                yield Transition(severity, condition.reason, note)
        elif _recovered(known, good) or (condition.type == READY and _new(known)):
            yield Transition(Severity.NORMAL, condition.reason, note)


def _recovered(known: Condition | None, good: ConditionStatus) -> bool:
    return known is not None and known.status not in {good, ConditionStatus.UNKNOWN} and known.reason != PENDING


def _new(known: Condition | None) -> bool:
    return known is None or known.reason == PENDING


def _scaled(before: ActionQueuePolicyStatus, after: ActionQueuePolicyStatus) -> Iterator[Transition]:
    ledger, known = after.scaling, before.scaling
    if ledger is None or ledger.last_scale_time is None:
        return
    if known is None or known.last_scale_time != ledger.last_scale_time:
        yield Transition(Severity.NORMAL, "Scaled", f"{ledger.desired} workers wanted: {ledger.message}", "Scale")
