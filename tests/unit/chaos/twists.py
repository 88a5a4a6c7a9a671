"""Ways to spoil a correct story, each breaking the guarantee that it is listed under.

Every one works on any story in which each queue has run more executions than it has slots, without a killed worker.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import msgspec

from chaos.checker import Kind
from chaos.checker.by_hand import PURGED
from chaos.final import Row, Totals
from chaos.history import (
    Answered,
    CancelAsked,
    CompleteAnswered,
    CompleteAsked,
    LimitSet,
    Outcome,
    PurgeAnswered,
    PurgeAsked,
    RateSet,
    RunEnded,
    RunStarted,
    Submitted,
    Woke,
)
from unit.chaos.toy import TICK, Story

Twist = Callable[[Story, int], None]
"""Spoils a story; the number, any from 0, picks where."""


def _ran(story: Story, pick: int) -> Row:
    rows = [row for row in story.rows if row.dispatch_order is not None]
    return rows[pick % len(rows)]


def _change(story: Story, row: Row, **changes: object) -> None:
    story.rows[story.index(row.execution_id)] = replace(row, **changes)  # pyright: ignore[reportArgumentType] - fields by name


def _group(story: Story, row: Row) -> str:
    return next(event.group for event in story.events if isinstance(event, Submitted) and event.key == row.key)


def _limit(story: Story, action: str) -> int:
    return next(event.limit for event in story.events if isinstance(event, LimitSet) and event.action == action)


def _queue(story: Story, like: Row) -> list[Row]:
    """The executions that ran in the same queue, in order."""
    group = _group(story, like)
    return [
        row
        for row in story.rows
        if row.action == like.action and row.dispatch_order is not None and _group(story, row) == group
    ]


def _pair(story: Story, pick: int) -> tuple[Row, Row]:
    queue = _queue(story, _ran(story, pick))
    first = pick % (len(queue) - 1)
    return queue[first], queue[first + 1]


def row_gone(story: Story, pick: int) -> None:
    story.rows.remove(_ran(story, pick))


def still_running(story: Story, pick: int) -> None:
    _change(story, _ran(story, pick), status="running", ended_at=None)


def second_row(story: Story, pick: int) -> None:
    row = _ran(story, pick)
    last = max(other.queue_order for other in story.rows if other.action == row.action)
    story.rows.append(replace(row, execution_id=10_000, queue_order=last + 1, dispatch_order=10_000))


def two_answers(story: Story, pick: int) -> None:
    row = _ran(story, pick)
    story.events.append(Answered(row.key, Outcome.ACCEPTED, story.at, 201, 10_000, 0))


def counted_twice(story: Story, pick: int) -> None:
    action = _ran(story, pick).action
    totals = story.totals[action]
    story.totals[action] = Totals(totals.waiting, totals.active, totals.enqueued, totals.completed + 1)


def slot_leaked(story: Story, pick: int) -> None:
    action = _ran(story, pick).action
    story.totals[action] = replace(story.totals[action], active=1)


def succeeded_without_a_run(story: Story, pick: int) -> None:
    _never_ran(story, _ran(story, pick))


def _never_ran(story: Story, row: Row) -> None:
    runs = {event.run for event in story.events if isinstance(event, RunStarted) and event.key == row.key}
    story.events = [
        event for event in story.events if not (isinstance(event, (RunStarted, RunEnded)) and event.run in runs)
    ]


def succeeded_before_the_run_ended(story: Story, pick: int) -> None:
    row = _ran(story, pick)
    end = next(event for event in story.events if isinstance(event, RunEnded) and event.run == f"{row.key}-run")
    _change(story, row, ended_at=end.at - TICK / 2)


def cancelled_unasked(story: Story, pick: int) -> None:
    row = _ran(story, pick)
    story.events = [event for event in story.events if not (isinstance(event, CancelAsked) and event.key == row.key)]
    _change(story, row, status="cancelled")


def failed_by_nobody(story: Story, pick: int) -> None:
    _change(story, _ran(story, pick), status="failed", said="by hand")


def completed_and_succeeded(story: Story, pick: int) -> None:
    """Its worker's report came after the answer, and won."""
    row = _ran(story, pick)
    assert row.ended_at is not None
    story.events.append(CompleteAsked(row.key, row.execution_id, "failed", "by hand", row.ended_at - 2 * TICK))
    story.events.append(CompleteAnswered(row.key, "by hand", row.ended_at - TICK))


def completed_after_the_answer(story: Story, pick: int) -> None:
    row = _ran(story, pick)
    completed_and_succeeded(story, pick)
    _change(story, row, status="failed", said="by hand")


def completed_before_it_was_asked(story: Story, pick: int) -> None:
    row = _ran(story, pick)
    assert row.ended_at is not None
    story.events.append(CompleteAsked(row.key, row.execution_id, "failed", "by hand", row.ended_at + TICK))
    _change(story, row, status="failed", said="by hand")


def _purged(story: Story, row: Row, up_to: int, cancelled: int = 1, remaining: int = 0) -> None:
    """It ended with its queue, in the midst of a purge that was answered so."""
    _change(story, row, status="cancelled", said=PURGED)
    assert row.ended_at is not None
    story.events.append(PurgeAsked("purge", row.action, row.ended_at - TICK / 4))
    story.events.append(PurgeAnswered("purge", cancelled, remaining, up_to, row.ended_at + TICK / 4))


def _last_order(story: Story, action: str) -> int:
    return max(row.queue_order for row in story.rows if row.action == action)


def purged_unasked(story: Story, pick: int) -> None:
    row = _ran(story, pick)
    _never_ran(story, row)
    _change(story, row, status="cancelled", said=PURGED, dispatch_order=None)


def purged_in_its_run(story: Story, pick: int) -> None:
    row = _ran(story, pick)
    _purged(story, row, _last_order(story, row.action))


def purged_what_came_later(story: Story, pick: int) -> None:
    row = _ran(story, pick)
    _never_ran(story, row)
    _change(story, row, dispatch_order=None)
    _purged(story, story.rows[story.index(row.execution_id)], row.queue_order - 1, cancelled=0)


def purged_fewer_than_it_says(story: Story, pick: int) -> None:
    action = _ran(story, pick).action
    story.events.append(PurgeAsked("purge", action, story.at - TICK))
    story.events.append(PurgeAnswered("purge", 1, 0, _last_order(story, action), story.at))


def purged_and_left_one(story: Story, pick: int) -> None:
    row = _ran(story, pick)
    _never_ran(story, row)
    _change(story, row, status="cancelled", dispatch_order=None, ended_at=story.at)
    story.events.append(CancelAsked(row.key, row.execution_id, story.at))
    story.events.append(PurgeAsked("purge", row.action, story.at - 2))
    story.events.append(PurgeAnswered("purge", 0, 0, _last_order(story, row.action), story.at - 1))


def purged_without_meaning_all(story: Story, pick: int) -> None:
    action = _ran(story, pick).action
    story.events.append(PurgeAsked("purge", action, story.at - TICK))
    story.events.append(PurgeAnswered("purge", 0, 0, _last_order(story, action) - 1, story.at))


def purged_what_was_to_come(story: Story, pick: int) -> None:
    action = _ran(story, pick).action
    story.events.append(PurgeAsked("purge", action, 1.0))
    story.events.append(PurgeAnswered("purge", 0, 10**6, 1, 2.0))


def timed_out(story: Story, pick: int) -> None:
    _change(story, _ran(story, pick), status="timeout")


def run_of_nothing(story: Story, pick: int) -> None:
    story.events.append(RunStarted("run-of-nothing", f"key-{10_000 + pick}", 1, story.at))


def run_again(story: Story, pick: int) -> None:
    row = _ran(story, pick)
    story.events.append(RunStarted("again", row.key, 1, story.at - 2))
    story.events.append(RunEnded("again", story.at - 1))


def overtaken_in_the_queue(story: Story, pick: int) -> None:
    first, second = _pair(story, pick)
    _change(story, first, queue_order=second.queue_order)
    _change(story, second, queue_order=first.queue_order)


def overtaken_at_dispatch(story: Story, pick: int) -> None:
    first, second = _pair(story, pick)
    _change(story, first, dispatch_order=second.dispatch_order)
    _change(story, second, dispatch_order=first.dispatch_order)


def overtaken_at_the_start(story: Story, pick: int) -> None:
    narrow = [row for row in story.rows if row.dispatch_order is not None and _limit(story, row.action) == 1]
    queue = _queue(story, narrow[pick % len(narrow)])
    first, second = queue[pick % (len(queue) - 1)], queue[pick % (len(queue) - 1) + 1]
    keys = {first.key: second.key, second.key: first.key}
    story.events = [
        msgspec.structs.replace(event, key=keys[event.key])
        if isinstance(event, RunStarted) and event.key in keys
        else event
        for event in story.events
    ]


def one_too_many(story: Story, pick: int) -> None:
    row = _ran(story, pick)
    crowd = _queue(story, row)[: _limit(story, row.action) + 1]
    names = {f"{each.key}-run" for each in crowd}
    start, end = story.at - 10, story.at - 9
    for index, event in enumerate(story.events):
        if isinstance(event, (RunStarted, RunEnded)) and event.run in names:
            story.events[index] = msgspec.structs.replace(event, at=start if isinstance(event, RunStarted) else end)
    for each in crowd:
        _change(story, each, ended_at=end + TICK)


def too_fast(story: Story, pick: int) -> None:
    """What ran is what a limit allows that lets far more through than the one that was in force."""
    story.events.append(RateSet(_ran(story, pick).action, 1, story.at))


def stayed(story: Story, pick: int) -> None:
    story.events.append(Woke(pick, story.at, None))


TWISTS: Final[dict[Twist, Kind]] = {
    row_gone: Kind.LOST,
    still_running: Kind.UNFINISHED,
    second_row: Kind.DUPLICATED,
    two_answers: Kind.DUPLICATED,
    counted_twice: Kind.MISCOUNTED,
    slot_leaked: Kind.MISCOUNTED,
    succeeded_without_a_run: Kind.UNFOUNDED,
    succeeded_before_the_run_ended: Kind.UNFOUNDED,
    cancelled_unasked: Kind.UNFOUNDED,
    timed_out: Kind.UNFOUNDED,
    failed_by_nobody: Kind.UNFOUNDED,
    completed_before_it_was_asked: Kind.UNFOUNDED,
    completed_and_succeeded: Kind.OVERRULED,
    completed_after_the_answer: Kind.OVERRULED,
    purged_unasked: Kind.UNFOUNDED,
    purged_in_its_run: Kind.MISPURGED,
    purged_what_came_later: Kind.MISPURGED,
    purged_fewer_than_it_says: Kind.MISPURGED,
    purged_and_left_one: Kind.MISPURGED,
    purged_without_meaning_all: Kind.MISPURGED,
    purged_what_was_to_come: Kind.MISPURGED,
    run_of_nothing: Kind.PHANTOM,
    run_again: Kind.UNCAUSED_RERUN,
    overtaken_in_the_queue: Kind.ACCEPTANCE_ORDER,
    overtaken_at_dispatch: Kind.DISPATCH_ORDER,
    overtaken_at_the_start: Kind.START_ORDER,
    one_too_many: Kind.OVER_LIMIT,
    too_fast: Kind.OVER_RATE,
    stayed: Kind.NOT_FENCED,
}
