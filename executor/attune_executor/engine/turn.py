"""Decide: the commands of one batch, applied to the queues in a fixed order. Pure: no await, no clock."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from attune_executor.domain.lines import WaitingPlace
from attune_executor.domain.purge import Purge, PurgeRefused, PurgeReport
from attune_executor.domain.queue_manager import ExecutionQueueManager, TurnDecision
from attune_executor.domain.records import Accepted
from attune_executor.domain.submission import ExecutionRequest, Intervention, Receipt, Refusal
from attune_executor.engine.batch import Batch, EndRequest, PurgeRequest
from attune_executor.engine.id_allocator import IdAllocator
from attune_executor.ports.journal import JournalError, OperatorChanges, StoredExecution

PURGED_IN_A_TURN: Final = 1000
"""Executions that all purges together cancel in one turn: its commit takes some 40 ms, which others can wait."""
_Outcome = Accepted | Receipt | Refusal


@dataclass(frozen=True, slots=True)
class Turn:
    """A decided turn, not yet committed: what to write and publish, and what to answer afterwards."""

    decision: TurnDecision
    outcomes: Sequence[Sequence[Receipt | Refusal]]
    """Per submission of the batch, per request."""
    interventions: Sequence[Intervention]
    """Per request of the batch to end an execution."""
    purges: Sequence[PurgeReport | PurgeRefused | None]
    """Per purge of the batch; None where it goes on in the next turn."""


def decide(
    manager: ExecutionQueueManager,
    batch: Batch,
    action_ids: Mapping[str, int],
    known_keys: Mapping[str, StoredExecution],
    ids: IdAllocator,
    confirmed_order: int,
    now: float,
) -> Turn:
    """Apply a batch: what is declared, reports, which free slots, what is to end, requests; then fill the slots.

    Args:
        manager: the queues; changed in place.
        batch: what to apply.
        action_ids: the id of every action whose policy the batch changes.
        known_keys: executions accepted earlier under the idempotency keys that the batch names.
        ids: holds at least as many ids as the batch has requests.
        confirmed_order: publishes up to here are confirmed.
        now: Unix seconds.
    """
    for ref, policy in batch.declared().items():
        if policy is None:
            manager.remove_policy(ref, now)
        else:
            manager.set_policy(action_ids[ref], ref, policy, now)
    for emergency in batch.emergencies:
        manager.set_emergency(emergency.emergency)
    for changes in batch.operator_changes:
        _heed(manager, changes, now)
    for report in batch.reports:
        for started in report.started:
            manager.notify_started(started, now)
        for finished in report.finished:
            manager.notify_completion(finished, now)
        if report.heartbeat is not None:
            manager.notify_heartbeat(report.heartbeat, now)
    manager.advance(now)
    interventions = [_end(manager, request, now) for request in batch.ends]
    purges = _purge(manager, batch.purges, now)
    by_key: dict[str, _Outcome] = {}
    outcomes = [
        [_submit(manager, request, known_keys, by_key, ids, now) for request in submission.requests]
        for submission in batch.submissions
    ]
    decision = manager.close_turn(confirmed_order, now)
    return Turn(
        decision,
        [[_receipt(manager, outcome) for outcome in submission] for submission in outcomes],
        interventions,
        purges,
    )


def give_way(
    manager: ExecutionQueueManager,
    turn: Turn,
    taken: Collection[int],
    first: Mapping[str, StoredExecution],
    now: float,
) -> Turn:
    """A committed turn without what the journal did not accept, because another shard had used the keys meanwhile.

    It leaves its places and slots; its queue orders remain unused. Callers are told of the executions that were first.

    Args:
        manager: the queues; changed in place.
        turn: what was committed.
        taken: accepted executions that were not written.
        first: the executions that were accepted under their keys.
        now: Unix seconds.

    Raises:
        JournalError: one of the first is gone already.
    """
    repeated: dict[int, Receipt] = {}
    for row in turn.decision.record.accepted:
        if row.execution_id in taken:
            stored = first.get(row.idempotency_key or "")
            if stored is None:
                raise JournalError("an execution was deleted while its idempotency key was used again")
            place = WaitingPlace(row.action_id, row.group_key, row.queue_order)
            manager.notify_ended_elsewhere(row.execution_id, now, place)
            repeated[row.execution_id] = _repeated(manager, stored)
    handoffs = [handoff for handoff in turn.decision.handoffs if handoff.execution_id not in taken]
    return replace(
        turn,
        decision=turn.decision._replace(handoffs=handoffs),
        outcomes=[
            [
                outcome if isinstance(outcome, Refusal) else repeated.get(outcome.execution_id, outcome)
                for outcome in submission
            ]
            for submission in turn.outcomes
        ],
    )


def _heed(manager: ExecutionQueueManager, changes: OperatorChanges, now: float) -> None:
    for ended in changes.ended:
        manager.notify_ended_elsewhere(ended.execution_id, now, ended.place)
    for action_id, enabled in changes.enabled.items():
        manager.set_enabled(action_id, enabled, now)


def _end(manager: ExecutionQueueManager, request: EndRequest, now: float) -> Intervention:
    execution, ending = request.execution, request.ending
    if ending is None:
        return manager.cancel(execution.execution_id, execution.place, now)
    return manager.complete(execution.execution_id, execution.place, ending, now)


def _purge(
    manager: ExecutionQueueManager, requests: Sequence[PurgeRequest], now: float
) -> list[PurgeReport | PurgeRefused | None]:
    """Begin what is new, and go on with all of them as far as one turn may."""
    left = PURGED_IN_A_TURN
    answers: list[PurgeReport | PurgeRefused | None] = []
    for request in requests:
        begun = request.purge or manager.begin_purge(request.order)
        if isinstance(begun, Purge):
            request.purge = begun
            left -= manager.purge(begun, left, now)
            answers.append(begun.report())
        else:
            answers.append(begun)
    return answers


def _submit(
    manager: ExecutionQueueManager,
    request: ExecutionRequest,
    known_keys: Mapping[str, StoredExecution],
    by_key: dict[str, _Outcome],
    ids: IdAllocator,
    now: float,
) -> _Outcome:
    key = request.idempotency_key
    if key is not None:
        stored = known_keys.get(key)
        if stored is not None:
            return _repeated(manager, stored)
        earlier = by_key.get(key)
        if isinstance(earlier, Accepted):
            return earlier
    outcome = manager.submit(request, ids.peek(), now)
    if isinstance(outcome, Accepted):
        ids.use()
        if key is not None:
            by_key[key] = outcome
    return outcome


def _repeated(manager: ExecutionQueueManager, stored: StoredExecution) -> Receipt:
    queue = manager.queue_of(stored.action_id)
    position = queue.position(stored.group_key, stored.queue_order) if queue is not None else 0
    return Receipt(stored.execution_id, stored.action_ref, stored.status, position, duplicate=True)


def _receipt(manager: ExecutionQueueManager, outcome: _Outcome) -> Receipt | Refusal:
    return manager.receipt(outcome) if isinstance(outcome, Accepted) else outcome
