"""What must hold between a manager and the ledger whenever a turn is committed."""

from math import inf

from attune_executor.domain.action_queue import ActionQueue
from attune_executor.domain.policy import Admission
from attune_executor.domain.queue_manager import ExecutionQueueManager, TurnDecision
from unit.domain.machine.fleet import Fleet
from unit.domain.machine.ledger import Action, Fate, Ledger


def decision_is_carried_out(decision: TurnDecision, ledger: Ledger) -> None:
    """What is handed to the broker is what is committed, in its order. The ledger has the turn already."""
    record = decision.record
    committed = {(row.dispatch_order, row.execution_id) for row in record.accepted if row.dispatch_order is not None}
    committed |= {(row.publish_order, row.execution_id) for row in record.dispatched}
    handed = [(handoff.publish_order, handoff.execution_id) for handoff in decision.handoffs]
    assert handed == sorted(committed), "what is published is not what is committed"
    for handoff in decision.handoffs:
        fate = ledger.fates[handoff.execution_id]
        timeouts = {policy.execution_timeout_seconds for policy in ledger.actions[fate.ref].met_in_turn()}
        assert (handoff.attempt, handoff.action_ref, handoff.pool) == (fate.attempt, fate.ref, fate.pool)
        assert handoff.timeout_seconds in timeouts


def counts_agree(manager: ExecutionQueueManager, ledger: Ledger, now: float) -> None:
    """Accepted is waiting, active and finished together, in the manager as in the ledger; positions are exact."""
    for ref, action in ledger.actions.items():
        queue = _queue(manager, ref)
        stats = queue.stats(now)
        fates = list(ledger.of(ref))
        waiting = [fate for fate in fates if fate.waits]
        active = [fate for fate in fates if fate.holds_slot]
        assert (stats.queue_length, stats.active_count) == (len(waiting), len(active)), "counts are off"
        assert (stats.total_enqueued, stats.total_completed) == (
            action.accepted,
            sum(fate.status is not None for fate in fates),
        ), "totals are off"
        assert stats.oldest_enqueued_at == min((fate.created for fate in waiting), default=None)
        places = {fate: place for line in ledger.lines(ref).values() for place, fate in enumerate(line, start=1)}
        for fate in fates:
            assert queue.position(fate.key, fate.order) == places.get(fate, 0), "a position is off"
            assert manager.holds_slot(fate.execution_id) == fate.holds_slot
    for pool in manager.pools():
        assert pool.in_flight == sum(fate.pool == pool.name for fate in ledger.active()), "a pool leaks"


def nothing_idles(manager: ExecutionQueueManager, ledger: Ledger, fleet: Fleet, now: float) -> None:
    """No free slot while something may start; where only time is in the way, the manager knows when to look again."""
    wake_at = manager.next_due if manager.next_due is not None else inf
    for ref, action in ledger.actions.items():
        held = action.policy.admission is Admission.HOLD
        for key, line in ledger.lines(ref).items():
            free = action.policy.concurrency - ledger.active_in(ref, key)
            if held or free <= 0 or fleet.room(action.policy.pool, ledger) <= 0:
                continue
            assert now < action.rate_allows_from(), f"{line[0]} waits beside a free slot"
            assert wake_at <= action.rate_allows_from(), "nobody looks when the rate limit lets go"


def nothing_overstays(manager: ExecutionQueueManager, ledger: Ledger, now: float) -> None:
    """Queue timeouts and delays are kept, to the second."""
    wake_at = manager.next_due if manager.next_due is not None else inf
    for fate in ledger.fates.values():
        action = ledger.actions[fate.ref]
        timeout = action.policy.queue_timeout_seconds
        if fate.waits and timeout is not None:
            deadline = _deadline(fate, action, timeout)
            assert now < deadline, "it waits longer than it may"
            assert wake_at <= deadline, "nobody looks at the queue timeout"
        if fate.holds_slot and fate.postponed_until is not None:
            assert now < fate.postponed_until, "its delay is over, and it is not dispatched"
            assert wake_at <= fate.postponed_until


def _deadline(fate: Fate, action: Action, timeout: float) -> float:
    return max(fate.created + timeout, action.timeout_changed_at) + 1


def _queue(manager: ExecutionQueueManager, ref: str) -> ActionQueue:
    queue = manager.queue(ref)
    assert queue is not None
    return queue
