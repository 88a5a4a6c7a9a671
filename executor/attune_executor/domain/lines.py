"""The lines in which executions wait: who joins, who leaves, and who has waited too long."""

from typing import NamedTuple

from attune_executor.domain.action_queue import ActionQueue, Group
from attune_executor.domain.execution import Ending, ExecutionStatus
from attune_executor.domain.purge import Purge
from attune_executor.domain.records import ended
from attune_executor.domain.restored import WaitingRun
from attune_executor.domain.timers import Due, Timers
from attune_executor.domain.turn_draft import TurnDraft


class WaitingPlace(NamedTuple):
    """Where an execution waits, if it does: by its action, its line, and its queue order."""

    action_id: int
    group_key: str | None
    queue_order: int


class Lines:
    """Changes the lines of every queue, and watches the heads of those with a queue timeout."""

    def __init__(self, timers: Timers, draft: TurnDraft) -> None:
        self._timers = timers
        self._draft = draft

    def restore(self, queue: ActionQueue, run: WaitingRun) -> None:
        """Put executions back into their line; call in queue order."""
        group = queue.group(run.group_key)
        group.waiting.extend(run.execution_ids, run.queue_orders, run.created)
        self._joined(queue, group, len(run.execution_ids), run.created[0])

    def join(self, queue: ActionQueue, key: str | None, execution_id: int, queue_order: int, created: float) -> None:
        """An execution enters its line at the tail; ``created`` in Unix seconds."""
        group = queue.group(key)
        group.waiting.append(execution_id, queue_order, created)
        self._joined(queue, group, 1, created)

    def leave(
        self, queue: ActionQueue, place: WaitingPlace, execution_id: int, now: float, status: ExecutionStatus | None
    ) -> bool:
        """Take an execution that ended out of its line, wherever in it; False where it does not wait there.

        ``status`` says how it ended; None where somebody else ended it.
        """
        group = queue.groups.get(place.group_key)
        if group is None or group.waiting.remove(place.queue_order) != execution_id:
            return False
        queue.queue_length -= 1
        queue.load.ended(now, status)
        queue.settle(group)
        self._draft.touch(queue, now)
        return True

    def watch_heads(self, queue: ActionQueue, now: float) -> None:
        """Look at the heads of the lines when the first of them may time out, once a second at most."""
        queue.timeout_at = None
        timeout = queue.policy.queue_timeout_seconds
        if timeout is not None and (oldest := queue.oldest_enqueued_at()) is not None:
            queue.timeout_at = max(oldest + timeout, now + 1)
            self._timers.set(queue.timeout_at, Due.QUEUE_TIMEOUT, queue)

    def time_out_heads(self, queue: ActionQueue, now: float) -> None:
        """End what has waited longer than the policy's queue timeout."""
        timeout = queue.policy.queue_timeout_seconds
        if timeout is None or queue.timeout_at is None or queue.timeout_at > now:
            # The timer of an earlier policy.
            return
        reason = f"waited longer than {timeout:g} s in the queue, as queue_timeout_seconds says"
        ending = Ending.because(ExecutionStatus.TIMEOUT, reason)
        for group in list(queue.groups.values()):
            while group.waiting and group.waiting.head_created + timeout <= now:
                self._end_head(queue, group, ending, now)
            queue.settle(group)
        self.watch_heads(queue, now)

    def purge(self, purge: Purge, most: int, now: float) -> int:
        """Go on with a purge; returns how many executions were ended and lines found done, ``most`` at most."""
        done = 0
        while done < most and (group := purge.line) is not None:
            if group.waiting and group.waiting.head_order <= purge.up_to:
                self._end_head(purge.queue, group, purge.ENDING, now)
                purge.ended_one()
            else:
                purge.line_is_done()
            purge.queue.settle(group)
            done += 1
        return done

    def _end_head(self, queue: ActionQueue, group: Group, ending: Ending, now: float) -> None:
        execution_id = group.waiting.popleft()
        queue.queue_length -= 1
        queue.load.ended(now, ending.status)
        self._draft.finished(ended(execution_id, 0, ending, now))
        self._draft.touch(queue, now)

    def _joined(self, queue: ActionQueue, group: Group, count: int, created: float) -> None:
        queue.queue_length += count
        queue.settle(group)
        if queue.timeout_at is None:
            self.watch_heads(queue, created)
