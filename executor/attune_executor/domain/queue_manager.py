"""The queues themselves: commands in, decisions out, first in, first out, never more active than the limit.

A pure state machine. The engine applies the commands of one turn, closes the turn, and commits what comes out
before anyone hears of it. If that commit fails, this object is thrown away and a new one restored from the journal.

Here commands find the queue that they are about. What they come to is decided by the parts: admission control, lines,
the round robin from lines to slots, slots, roll calls. All write into one draft, which becomes the turn's decision.

The cost of every command is independent of how many executions wait.
"""

from collections.abc import Iterator

from attune_executor.domain.action_queue import ActionQueue
from attune_executor.domain.admission import AdmissionControl
from attune_executor.domain.emergency import Emergency
from attune_executor.domain.execution import Ending, ExecutionStatus
from attune_executor.domain.lines import Lines, WaitingPlace
from attune_executor.domain.load import LoadMeter
from attune_executor.domain.policy import QueuePolicy
from attune_executor.domain.purge import Purge, PurgeOrder, PurgeRefused, PurgeReport
from attune_executor.domain.rate_meter import RateMeter
from attune_executor.domain.records import Accepted, Finished, Started, ended
from attune_executor.domain.restored import ActiveExecution, KnownAction, WaitingRun
from attune_executor.domain.roll_call import Patience, RollCall
from attune_executor.domain.round_robin import RoundRobin
from attune_executor.domain.slots import Slots
from attune_executor.domain.standing import Standing, standing
from attune_executor.domain.stuck import StuckExecution, StuckQuery, stuck_executions
from attune_executor.domain.submission import ExecutionRequest, Intervention, Receipt, Refusal
from attune_executor.domain.timers import Due, Timers
from attune_executor.domain.turn_draft import TurnDecision, TurnDraft
from attune_executor.domain.worker_pool import WorkerPool
from attune_executor.domain.worker_pools import WorkerPools
from attune_executor.domain.workers import Heartbeat


class ExecutionQueueManager:
    """All queues of one shard.

    ``publish_order`` is the last publish order that was ever given out; the manager continues from there.
    """

    def __init__(self, publish_order: int = 0, patience: Patience | None = None) -> None:
        self._by_ref: dict[str, ActionQueue] = {}
        self._by_id: dict[int, ActionQueue] = {}
        self._draft = TurnDraft()
        self._timers = Timers()
        self._pools = WorkerPools()
        self._lines = Lines(self._timers, self._draft)
        self._slots = Slots(publish_order, self._pools, self._timers, self._draft)
        self._roll_call = RollCall(self._slots, self._pools, patience or Patience())
        self._round_robin = RoundRobin(self._slots, self._pools, self._timers, self._draft)
        self._admission = AdmissionControl(self._lines, self._round_robin, self._pools, self._draft)

    # Restoring from the journal

    def restore_action(self, known: KnownAction, now: float) -> None:
        """Make an action known, with its counters, before any of its executions is restored."""
        # Nothing was ever accepted without a policy. What got here otherwise is run one at a time, the cautious limit.
        policy = known.policy if known.policy is not None else QueuePolicy(concurrency=1)
        queue = ActionQueue(
            known.action_id,
            known.ref,
            policy,
            known.enabled,
            governed=known.governed and known.policy is not None,
            load=LoadMeter(policy.peak_window_seconds, since=now),
            rate=None if policy.rate_limit is None else RateMeter(policy.rate_limit, known.rate_marks),
            last_order=known.last_order,
            total_rejected=known.total_rejected,
            last_updated=now,
        )
        self._by_ref[known.ref] = self._by_id[known.action_id] = queue
        self._draft.touched[known.action_id] = queue

    def restore_waiting(self, run: WaitingRun) -> None:
        """Put executions back into their line; call in queue order."""
        self._admission.acceptance_times.follow(run.created[-1])
        self._lines.restore(self._by_id[run.action_id], run)

    def restore_active(self, row: ActiveExecution, now: float, *, confirmed: bool) -> None:
        """Give an execution its slot back. Not ``confirmed``: whether its dispatch reached the broker is unknown."""
        self._slots.restore(self._by_id[row.action_id], row, now, confirmed=confirmed)

    # Commands, what an SRE declares

    def set_policy(self, action_id: int, ref: str, policy: QueuePolicy, now: float) -> None:
        """Declare or change an action's policy; takes effect when the turn closes.

        A change of ``group_by`` is for executions accepted from then on: those that wait stay in their lines.
        """
        queue = self._by_ref.get(ref)
        if queue is None:
            known = KnownAction(
                action_id, ref, enabled=True, policy=policy, governed=True, last_order=0, total_rejected=0
            )
            self.restore_action(known, now)
            return
        previous = queue.policy
        queue.declare(policy)
        if policy.pool != previous.pool:
            self._pools.named(previous.pool).ready.pop(queue, None)
        if policy.rate_limit != previous.rate_limit:
            self._draft.rated(queue)
        if policy.queue_timeout_seconds != previous.queue_timeout_seconds:
            self._lines.watch_heads(queue, now)
        self._draft.touch(queue, now)

    def remove_policy(self, ref: str, now: float) -> None:
        """Accept nothing more for the action; what waits drains under the last limit."""
        queue = self._by_ref.get(ref)
        if queue is not None:
            queue.governed = False
            self._draft.touch(queue, now)

    def set_enabled(self, action_id: int, enabled: bool, now: float) -> None:
        """The operator's switch in the database was turned."""
        queue = self._by_id.get(action_id)
        if queue is not None and queue.enabled != enabled:
            queue.enabled = enabled
            self._draft.touch(queue, now)

    def set_emergency(self, emergency: Emergency | None) -> None:
        """Begin, change or end emergency mode."""
        self._admission.emergency = emergency

    # Commands, what callers ask for

    def submit(self, request: ExecutionRequest, execution_id: int, now: float) -> Accepted | Refusal:
        """Accept a request at the tail of its queue, or refuse it. ``execution_id`` is used up only on acceptance."""
        return self._admission.submit(self._by_ref.get(request.action_ref), request, execution_id, now)

    def cancel(self, execution_id: int, place: WaitingPlace, now: float) -> Intervention:
        """Take an execution out of its line, or have its worker stop it."""
        if execution_id in self._slots.active:
            return self._slots.cancel(execution_id, now)
        ending = Ending.because(ExecutionStatus.CANCELLED, "cancelled")
        waited = self._end_waiting(execution_id, place, ending, now)
        return Intervention.CANCELLED if waited else Intervention.ENDED

    def complete(self, execution_id: int, place: WaitingPlace, ending: Ending, now: float) -> Intervention:
        """End an execution as an operator says, whether it waits or holds a slot, without waiting for its worker."""
        if execution_id in self._slots.active:
            return self._slots.complete(execution_id, ending, now)
        waited = self._end_waiting(execution_id, place, ending, now)
        return Intervention.COMPLETED if waited else Intervention.ENDED

    def begin_purge(self, order: PurgeOrder) -> Purge | PurgeRefused | PurgeReport:
        """Mean what waits for an action now, unless that is far more than the caller has seen."""
        queue = self._by_ref.get(order.action_ref)
        return PurgeReport(0, 0, 0) if queue is None else Purge.begin(order, queue)

    def purge(self, purge: Purge, most: int, now: float) -> int:
        """Cancel what waits, up to ``most`` in this turn; returns how much work that was."""
        return self._lines.purge(purge, most, now)

    # Commands, what workers report

    def notify_started(self, started: Started, now: float) -> bool:
        """A worker began to run an execution; False where it holds no slot, or a newer attempt is under way."""
        return self._slots.started(started, now)

    def notify_completion(self, finished: Finished, now: float) -> bool:
        """An execution ended: its slot is free, or it runs again as its policy says.

        False for a duplicate or late report, which changes nothing.
        """
        return self._slots.completed(finished, now)

    def notify_heartbeat(self, heartbeat: Heartbeat, now: float) -> None:
        """A worker is there, with its slots and what it holds."""
        self._roll_call.heard(heartbeat, now)

    def notify_ended_elsewhere(self, execution_id: int, now: float, place: WaitingPlace | None = None) -> bool:
        """The journal holds a terminal status that this manager did not decide: free the slot or place, write nothing.

        ``place`` is that of one that may wait.
        """
        if self._slots.ended_elsewhere(execution_id, now):
            return True
        return place is not None and self._leave(execution_id, place, now, None)

    # Commands, time

    def call_roll(self, now: float) -> int:
        """Count the roll call that is about to be sent, and look after what is active; returns how many were lost."""
        return self._roll_call.call(now)

    def advance(self, now: float) -> None:
        """Do what has come due."""
        for due, subject in self._timers.pop(now):
            if due is Due.QUEUE_TIMEOUT:
                self._lines.time_out_heads(subject, now)
            elif due is Due.RATE:
                self._round_robin.rate_lets_go(subject)
            else:
                self._slots.retry_due(subject, now)

    @property
    def next_due(self) -> float | None:
        """When ``advance`` has something to do next, in Unix seconds."""
        return self._timers.next_at

    def close_turn(self, confirmed_order: int, now: float) -> TurnDecision:
        """Fill the free slots and hand over what the turn decided."""
        self._round_robin.fill_all(now)
        return self._draft.close(self._slots.publish_order, self._slots.confirmed_up_to(confirmed_order))

    def share_pools(self, shards: int) -> None:
        """The workers run executions of so many shards; to be said before the first of them is heard."""
        self._pools.share(shards)

    # Looking

    @property
    def publish_order(self) -> int:
        """The last publish order given out."""
        return self._slots.publish_order

    @property
    def emergency(self) -> Emergency | None:
        """Emergency mode, while it is on."""
        return self._admission.emergency

    def queue(self, ref: str) -> ActionQueue | None:
        """The queue of an action, or None where it is unknown."""
        return self._by_ref.get(ref)

    def queue_of(self, action_id: int) -> ActionQueue | None:
        """The queue of an action by its id."""
        return self._by_id.get(action_id)

    def queues(self) -> Iterator[ActionQueue]:
        """Every queue."""
        return iter(self._by_ref.values())

    def standings(self, now: float) -> Iterator[Standing]:
        """How every queue stands."""
        for queue in self._by_ref.values():
            yield standing(queue, self._pools.known(queue.policy.pool), self.emergency, now)

    def pools(self) -> Iterator[WorkerPool]:
        """Every worker pool that is used or announced itself."""
        return iter(self._pools)

    def held_by_worker(self, pool: str) -> dict[str, int]:
        """Executions that each worker of a pool has; those that drain are left out."""
        return self._roll_call.held_by_worker(pool)

    def stuck(self, query: StuckQuery, now: float) -> list[StuckExecution]:
        """Executions that hold a slot and that nothing was heard of for long, the oldest first."""
        return stuck_executions(self._slots.active, self._pools, query, now)

    def holds_slot(self, execution_id: int) -> bool:
        """Whether an execution is dispatched and not finished."""
        return execution_id in self._slots.active

    def receipt(self, accepted: Accepted) -> Receipt:
        """What to answer for an accepted execution, once its turn is closed."""
        position = self._by_id[accepted.action_id].position_from_tail(accepted.group_key, accepted.queue_order)
        status = ExecutionStatus.REQUESTED if position else ExecutionStatus.SCHEDULED
        return Receipt(accepted.execution_id, accepted.action_ref, status, position, duplicate=False)

    def _end_waiting(self, execution_id: int, place: WaitingPlace, ending: Ending, now: float) -> bool:
        """End an execution that holds no slot; False where it does not wait either."""
        if not self._leave(execution_id, place, now, ending.status):
            return False
        self._draft.finished(ended(execution_id, 0, ending, now))
        return True

    def _leave(self, execution_id: int, place: WaitingPlace, now: float, status: ExecutionStatus | None) -> bool:
        queue = self._by_id.get(place.action_id)
        return queue is not None and self._lines.leave(queue, place, execution_id, now, status)
