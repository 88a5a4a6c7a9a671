"""Memory from the journal: what a new owner, or an owner whose commit failed, starts from."""

from collections.abc import Set as AbstractSet

from attune_executor.domain.queue_manager import ExecutionQueueManager
from attune_executor.domain.roll_call import Patience
from attune_executor.ports.journal import Journal, JournalError


async def rebuild(
    journal: Journal, *, publish_order: int, confirmed_order: int, now: float, patience: Patience
) -> ExecutionQueueManager:
    """Restore every queue, counter and slot in use from the journal.

    Args:
        journal: where from.
        publish_order: the last publish order known to have been given out; none up to here is given out again.
        confirmed_order: publishes up to here are known to have reached the broker.
        now: Unix seconds.
        patience: how long things may take before the executor acts itself.

    Raises:
        JournalError: when the journal is away, or changes while it is read: another owner has it by now.
    """
    known = await journal.actions()
    manager = ExecutionQueueManager(publish_order, patience)
    for action in known:
        manager.restore_action(action, now)
    actions = {action.action_id for action in known}
    # What an operator's SQL ends between the two is told by the watch for it.
    async for runs in journal.waiting_executions():
        for run in runs:
            _expect(run.action_id, actions)
            manager.restore_waiting(run)
    async for batch in journal.active_executions():
        for row in batch:
            _expect(row.action_id, actions)
            manager.restore_active(row, now, confirmed=row.publish_order <= confirmed_order)
    return manager


def _expect(action_id: int, known: AbstractSet[int]) -> None:
    """Only an owner declares actions: an execution of one that was not there a moment ago is another owner's."""
    if action_id not in known:
        raise JournalError(f"action {action_id} appeared while the journal was read: another executor writes it")
