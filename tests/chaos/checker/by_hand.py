"""What clients end by hand: executions completed in their workers' place, and purged queues."""

import json
from collections.abc import Iterator
from typing import Final

from attune_executor.domain.purge import Purge
from chaos.checker.case import Case, Purging
from chaos.checker.violations import Kind, Violation
from chaos.final import Row
from chaos.history import PurgeAnswered

PURGED: Final[str] = json.loads(Purge.ENDING.result)["error"]
"""What the result of a purged execution says."""


def judge(case: Case) -> Iterator[Violation]:
    """Completions that do not hold, purges that did what they do not say, and what was purged for no reason."""
    for row in case.final.rows:
        yield from _completions(case, row)
        if purged(row):
            yield from _purge_of(case, row)
    for purging in case.purges:
        if purging.answer is not None:
            yield from _report(case, purging, purging.answer)


def completed(case: Case, row: Row) -> bool:
    """Whether it ended as a client had said."""
    request = case.requests.get(row.key)
    asked = None if request is None or row.said is None else request.completions.get(row.said)
    return (
        asked is not None
        and (asked.execution_id, asked.status) == (row.execution_id, row.status)
        and row.ended_at is not None
        and asked.at <= row.ended_at
    )


def purged(row: Row) -> bool:
    """Whether it ended with its queue."""
    return row.status == "cancelled" and row.said == PURGED


def _completions(case: Case, row: Row) -> Iterator[Violation]:
    request = case.requests.get(row.key)
    for word, told_at in () if request is None else request.completed_at.items():
        kept = row.said == word and completed(case, row)
        if not kept or row.ended_at is None or row.ended_at > told_at:
            yield Violation(
                Kind.OVERRULED,
                f"execution {row.execution_id} of {row.action} was answered as completed by hand at {told_at:.3f}, and"
                f" is {row.status} since {row.ended_at}: {row.said}",
            )


def _purge_of(case: Case, row: Row) -> Iterator[Violation]:
    name = f"execution {row.execution_id} of {row.action}"
    if row.dispatch_order is not None or case.runs.get(row.key):
        yield Violation(Kind.MISPURGED, f"{name} was purged, and had been dispatched")
    under_way = [each for each in case.purges if each.asked.action == row.action and _ended_during(each, row)]
    if not under_way:
        yield Violation(Kind.UNFOUNDED, f"{name} is purged, and nobody asked for that then")
    elif not any(each.answer is None or row.queue_order <= each.answer.up_to for each in under_way):
        yield Violation(Kind.MISPURGED, f"{name} was purged, and came later than what was meant: {row.queue_order}")


def _ended_during(purging: Purging, row: Row) -> bool:
    if row.ended_at is None or row.ended_at < purging.asked.at:
        return False
    return purging.answer is None or row.ended_at <= purging.answer.at


def _report(case: Case, purging: Purging, answer: PurgeAnswered) -> Iterator[Violation]:
    """Whether its answer is true: what it meant, how many it cancelled, and how many it left."""
    asked = purging.asked
    name = f"the purge {asked.purge} of {asked.action}"
    rows = [row for row in case.final.rows if row.action == asked.action]
    meant = [row for row in rows if row.queue_order <= answer.up_to]
    cancelled = sum(purged(row) and _ended_during(purging, row) for row in meant)
    if cancelled < answer.cancelled:
        yield Violation(Kind.MISPURGED, f"{name} says that it cancelled {answer.cancelled}, and {cancelled} are")
    # What was dispatched afterwards may have been so before the answer arrived.
    left = [row for row in meant if row.dispatch_order is None and (row.ended_at or case.final.at) > answer.at]
    if len(left) > answer.remaining:
        yield Violation(Kind.MISPURGED, f"{name} says that it left {answer.remaining}, and {len(left)} waited on")
    for row in rows:
        request = case.requests.get(row.key)
        if request is None:
            continue
        acknowledged = request.acknowledged_at is not None and request.acknowledged_at < asked.at
        if acknowledged and row.queue_order > answer.up_to:
            yield Violation(Kind.MISPURGED, f"{name} does not mean {row.execution_id}, acknowledged before it")
        if request.first_asked_at > answer.at and row.queue_order <= answer.up_to:
            yield Violation(Kind.MISPURGED, f"{name} means {row.execution_id}, which was asked for after its end")
