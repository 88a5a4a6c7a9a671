"""Memory from the journal: what a new owner, or an owner whose commit failed, starts from."""

from attune_executor.domain.queue_manager import ExecutionQueueManager
from attune_executor.domain.roll_call import Patience
from attune_executor.ports.journal import Journal


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
        JournalError: when the journal is away.
    """
    known = await journal.actions()
    manager = ExecutionQueueManager(publish_order, patience)
    for action in known:
        manager.restore_action(action, now)
    # What an operator's SQL ends between the two is told by the watch for it.
    async for runs in journal.waiting_executions():
        for run in runs:
            manager.restore_waiting(run)
    async for batch in journal.active_executions():
        for row in batch:
            manager.restore_active(row, now, confirmed=row.publish_order <= confirmed_order)
    return manager
