"""Managers with one bug each, for the machine to find: a proof that finds nothing must be able to."""

# A planted bug reaches into what it breaks.
# pyright: reportPrivateUsage=false

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from attune_executor.domain.action_queue import ActionQueue, Group
from attune_executor.domain.active import Active
from attune_executor.domain.admission import AdmissionControl
from attune_executor.domain.lines import Lines
from attune_executor.domain.purge import Purge, PurgeOrder
from attune_executor.domain.queue_manager import ExecutionQueueManager
from attune_executor.domain.rate_meter import RateMeter
from attune_executor.domain.restored import KnownAction
from attune_executor.domain.roll_call import RollCall
from attune_executor.domain.slots import Slots
from attune_executor.domain.submission import Intervention
from attune_executor.domain.turn_draft import TurnDraft
from attune_executor.domain.waiting_line import WaitingLine
from attune_executor.domain.worker_pool import WorkerPool


def _nothing(*_: Any, **__: Any) -> None:
    return None


def _settle_one_too_many(queue: ActionQueue, group: Group) -> None:
    if group.waiting and group.active_count <= queue.policy.concurrency:
        queue.ready.setdefault(group)
    else:
        queue.ready.pop(group, None)
        if not group.waiting and not group.active_count and queue.groups.get(group.key) is group:
            del queue.groups[group.key]


def _take_the_second(line: WaitingLine) -> int:
    first = _popleft(line)
    if not line:
        return first
    second = _popleft(line)
    chunk = line._chunks[0] if line._chunks else None
    if chunk is None or chunk.head == 0:
        return first
    chunk.head -= 1
    chunk.ids[chunk.head] = first
    chunk.live += 1
    line._length += 1
    return second


_popleft = WaitingLine.popleft


def _forget_to_touch(original: Callable[..., Any]) -> Callable[..., Any]:
    def restart(slots: Slots, execution_id: int, active: Any, now: float) -> None:
        original(slots, execution_id, active, now)
        slots._draft.touched.pop(active.queue.action_id, None)

    return restart


def _any_completion(original: Callable[..., Any]) -> Callable[..., Any]:
    def completed(slots: Slots, finished: Any, now: float) -> bool:
        active = slots.active.get(finished.execution_id)
        attempt = finished.attempt if active is None else active.attempt
        return original(slots, finished._replace(attempt=attempt), now)

    return completed


def _one_attempt_more(original: Callable[..., Any]) -> Callable[..., Any]:
    def runs_again(slots: Slots, execution_id: int, active: Any, now: float) -> bool:
        active.failures -= 1
        again = original(slots, execution_id, active, now)
        active.failures += 1
        return again

    return runs_again


def _twice(original: Callable[..., Any]) -> Callable[..., Any]:
    def finished(draft: TurnDraft, row: Any) -> None:
        original(draft, row)
        original(draft, row)

    return finished


def _leak(original: Callable[..., Any]) -> Callable[..., Any]:
    def release(slots: Slots, execution_id: int, active: Any, now: float) -> None:
        original(slots, execution_id, active, now)
        active.pool.in_flight += 1

    return release


def _one_off(original: Callable[..., Any]) -> Callable[..., Any]:
    def position(line: WaitingLine, queue_order: int) -> int:
        place = original(line, queue_order)
        return place + 1 if place > 1 else place

    return position


def _lost_marks(original: Callable[..., Any]) -> Callable[..., Any]:
    def restore(manager: ExecutionQueueManager, known: KnownAction, now: float) -> None:
        original(manager, known._replace(rate_marks=()), now)

    return restore


def _completed_in_word_alone(*_: Any) -> Intervention:
    return Intervention.COMPLETED


def _everything_is_meant(purge: type[Purge], _: PurgeOrder, queue: ActionQueue) -> Purge:
    begun = purge(queue, queue.last_order)
    begun.up_to = 10**9
    return begun


def _in_one_turn(original: Callable[..., Any]) -> Callable[..., Any]:
    def purge(lines: Lines, purge: Purge, _: int, now: float) -> int:
        return original(lines, purge, 10**9, now)

    return purge


def _yes(*_: Any) -> bool:
    return True


def _never(_: RateMeter) -> float:
    return 1e12


def _always(*_: Any) -> int:
    return 1


def _much_room(pool: WorkerPool) -> int:
    return 100 if pool.slots else 0


PLANTED: dict[str, tuple[type[object], str, Any]] = {
    "limit: one more than the concurrency": (ActionQueue, "settle", _settle_one_too_many),
    "order: the second before the head": (WaitingLine, "popleft", _take_the_second),
    "conservation: an end is written twice": (TurnDraft, "finished", _twice(TurnDraft.finished)),
    "conservation: a cancelled one keeps its place": (Lines, "leave", _yes),
    "idling: nobody looks at the queue of a freed slot": (Slots, "_release", _forget_to_touch(Slots._release)),
    "idling: a rate limit's timer is not set": (RateMeter, "next_at", _never),
    "rate: every dispatch is allowed": (RateMeter, "available", _always),
    "rate: a crash forgets what was counted": (
        ExecutionQueueManager,
        "restore_action",
        _lost_marks(ExecutionQueueManager.restore_action),
    ),
    "pool: nobody looks after what is left in a deserted one": (Active, "left_behind", False),
    "pool: more than its slots": (WorkerPool, "room", property(_much_room)),
    "counters: a pool leaks": (Slots, "_release", _leak(Slots._release)),
    "duplicates: a stale report ends a later attempt": (Slots, "completed", _any_completion(Slots.completed)),
    "retries: one attempt more": (Slots, "runs_again", _one_attempt_more(Slots.runs_again)),
    "timeouts: nobody watches the heads": (Lines, "watch_heads", _nothing),
    "cancels: not written": (TurnDraft, "cancelling", _nothing),
    "completions: the slot is kept": (Slots, "complete", _completed_in_word_alone),
    "purge: what came later goes too": (Purge, "begin", classmethod(_everything_is_meant)),
    "purge: as much as there is in one turn": (Lines, "purge", _in_one_turn(Lines.purge)),
    "lost: nobody is missed": (RollCall, "_lost", _nothing),
    "hung: nobody is stopped": (RollCall, "_hung", _nothing),
    "positions: one off": (WaitingLine, "position", _one_off(WaitingLine.position)),
    "bound: the queue is never full": (AdmissionControl, "_full", _nothing),
}
"""By what they break: the class, the name of the method, and what to put there."""


@contextmanager
def planted(name: str) -> Generator[None]:
    """While this lasts, every manager has the bug."""
    owner, attribute, replacement = PLANTED[name]
    with patch.object(owner, attribute, replacement):
        yield
