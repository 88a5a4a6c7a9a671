"""Memory from the journal: what a new owner, or an owner whose commit failed, starts from."""

from attune_executor.domain.execution import ExecutionStatus
from attune_executor.domain.queue_manager import ExecutionQueueManager
from attune_executor.ports.journal import Journal


async def rebuild(journal: Journal, *, publish_order: int, confirmed_order: int, now: float) -> ExecutionQueueManager:
    """Restore every queue, counter and slot in use from the journal.

    Args:
        journal: where from.
        publish_order: the last publish order known to have been given out; none up to here is given out again.
        confirmed_order: publishes up to here are known to have reached the broker.
        now: Unix seconds.

    Raises:
        JournalError: when the journal is away.
    """
    known = await journal.actions()
    batches = [batch async for batch in journal.open_executions()]
    highest = max((row.publish_order for batch in batches for row in batch if row.publish_order is not None), default=0)
    manager = ExecutionQueueManager(max(publish_order, highest))
    for action in known:
        manager.restore_action(
            action.action_id,
            action.ref,
            action.policy,
            enabled=action.enabled,
            last_order=action.last_order,
            total_rejected=action.total_rejected,
            now=now,
        )
    for batch in batches:
        for row in batch:
            if row.publish_order is None:
                manager.restore_waiting(row.execution_id, row.action_id, row.queue_order, row.created)
            else:
                manager.restore_active(
                    row.execution_id,
                    row.action_id,
                    attempt=row.attempt,
                    started=row.status is ExecutionStatus.RUNNING,
                    confirmed=row.publish_order <= confirmed_order,
                )
    return manager
