"""Free slots go to the queues of a pool in turn, one execution at a time, so that none goes ahead of all others."""

from attune_executor.domain.action_queue import ActionQueue
from attune_executor.domain.slots import Slots
from attune_executor.domain.timers import Due, Timers
from attune_executor.domain.turn_draft import TurnDraft
from attune_executor.domain.worker_pool import WorkerPool
from attune_executor.domain.worker_pools import WorkerPools


class RoundRobin:
    """Moves executions from the heads of their lines into slots, as far as the room of their pools goes."""

    def __init__(self, slots: Slots, pools: WorkerPools, timers: Timers, draft: TurnDraft) -> None:
        self._slots = slots
        self._pools = pools
        self._timers = timers
        self._draft = draft

    def fill(self, pool: WorkerPool, now: float) -> None:
        """Give out what one pool has room for."""
        self._line_up()
        self._give_out(pool, now)

    def fill_all(self, now: float) -> None:
        """Give out what the pools have room for."""
        self._line_up()
        for pool in self._pools:
            if pool.ready:
                self._give_out(pool, now)

    def rate_lets_go(self, queue: ActionQueue) -> None:
        """The timer of a queue's rate limit came due: the queue is looked at again."""
        queue.rate_timer = False
        self._draft.touched[queue.action_id] = queue

    def _line_up(self) -> None:
        """Queues that changed and have something to start are ready, after those that were so before."""
        for queue in self._draft.touched.values():
            if queue.startable:
                self._pools.named(queue.policy.pool).ready.setdefault(queue)

    def _give_out(self, pool: WorkerPool, now: float) -> None:
        room, ready = pool.room, pool.ready
        while room and ready:
            queue = next(iter(ready))
            del ready[queue]
            if not queue.startable:
                continue
            if queue.rate is not None and not queue.rate.available(now):
                if not queue.rate_timer:
                    queue.rate_timer = True
                    self._timers.set(queue.rate.next_at(), Due.RATE, queue)
                continue
            self._dispatch_head(queue, now)
            room -= 1
            # To the back, also of the turns to come.
            ready[queue] = None

    def _dispatch_head(self, queue: ActionQueue, now: float) -> None:
        group = next(iter(queue.ready))
        del queue.ready[group]
        # In the turn that accepts it, an execution may be a few microseconds younger than the turn.
        self._draft.waits.append(max(0.0, now - group.waiting.head_created))
        execution_id = group.waiting.popleft()
        queue.queue_length -= 1
        queue.last_updated = now
        if queue.rate is not None:
            queue.rate.take(now)
            self._draft.rated(queue)
        self._draft.touched[queue.action_id] = queue
        self._slots.dispatch(queue, group, execution_id, now)
