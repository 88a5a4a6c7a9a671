"""The state machine: whatever Hypothesis does to the queues, in any order, the ledger and the checks agree with it."""

from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from attune_executor.domain.emergency import Emergency
from attune_executor.domain.execution import TERMINAL, Ending, ExecutionStatus
from attune_executor.domain.lines import WaitingPlace
from attune_executor.domain.policy import Admission, QueuePolicy
from attune_executor.domain.purge import Purge, PurgeOrder, PurgeRefused
from attune_executor.domain.queue_manager import ExecutionQueueManager
from attune_executor.domain.records import Accepted, Finished, Started
from attune_executor.domain.submission import ExecutionRequest, Intervention, Refusal, RefusalCode
from attune_executor.domain.worker_pool import ROLL_CALLS_UNTIL_LOST
from attune_executor.domain.workers import Heartbeat
from unit.domain.machine import choices
from unit.domain.machine import rig as turns
from unit.domain.machine.ledger import GROUP_PARAMETER, Fate
from unit.domain.machine.rig import Phase, Rig

GROUP_VALUES = ("x", "y")


class QueueMachine(RuleBasedStateMachine):
    """Every command of ExecutionQueueManager, crashes included."""

    rig: Rig
    run_seconds: float
    purge: tuple[ExecutionQueueManager, Purge, int] | None = None

    @initialize(
        policies=st.tuples(choices.policies, choices.policies),
        run_seconds=st.sampled_from((0.1, 2.0)),
        slots=st.integers(0, 8),
    )
    def begin(self, policies: tuple[QueuePolicy, QueuePolicy], run_seconds: float, slots: int) -> None:
        self.run_seconds = run_seconds
        self.rig = Rig(dict(zip(choices.REFS, policies, strict=True)))
        for pool in choices.POOLS:
            self._hear(Heartbeat(f"{pool}-1", pool, slots, draining=False, held=()))

    # What callers ask for

    @rule(ref=choices.refs, values=st.lists(st.sampled_from(GROUP_VALUES), min_size=1, max_size=8))
    def submit(self, ref: str, values: list[str]) -> None:
        turn = self.rig.enter(Phase.REQUESTS)
        action = self.rig.ledger.actions[ref]
        for value in values:
            parameters = f'{{"{GROUP_PARAMETER}":"{value}"}}'.encode()
            outcome = self.rig.manager.submit(ExecutionRequest(ref, parameters), self.rig.next_id, self.rig.now)
            if (reason := self._refused(ref)) is not None:
                assert isinstance(outcome, Refusal)
                assert outcome.code is reason
            elif isinstance(outcome, Accepted):
                self.rig.next_id += 1
                turn.accepted.append(outcome)
                assert outcome.group_key == (f'["{value}"]' if action.policy.group_by else None)
            else:
                assert outcome.code is RefusalCode.QUEUE_FULL
                turn.refused_full.add(ref)

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        fate = self._any(data, list(self.rig.ledger.fates.values()))
        if fate is None:
            return
        turn = self.rig.enter(Phase.ENDS)
        untouched = fate.execution_id not in turn.touched
        waits, with_worker, open_before = fate.waits, fate.with_worker, fate.status is None
        overdue = waits and self._overdue(fate)
        outcome = self.rig.manager.cancel(fate.execution_id, self._place(fate), self.rig.now)
        if untouched and not overdue:
            if with_worker:
                assert outcome is Intervention.CANCELLING
            else:
                assert outcome is (Intervention.CANCELLED if open_before else Intervention.ENDED)
        turn.touch(fate.execution_id)
        turn.expectations.append(lambda: self._cancelled(fate, outcome))

    def _cancelled(self, fate: Fate, outcome: Intervention) -> None:
        match outcome:
            case Intervention.CANCELLED:
                assert fate.status is ExecutionStatus.CANCELLED
            case Intervention.CANCELLING:
                assert fate.status is not None or fate.cancelling_since is not None, "the cancel is not durable"
            case _:
                assert fate.status is not None

    @rule(data=st.data(), status=st.sampled_from((ExecutionStatus.SUCCEEDED, ExecutionStatus.FAILED)))
    def complete(self, data: st.DataObject, status: ExecutionStatus) -> None:
        fate = self._any(data, list(self.rig.ledger.fates.values()))
        if fate is None:
            return
        turn = self.rig.enter(Phase.ENDS)
        untouched = fate.execution_id not in turn.touched
        overdue, open_before = fate.waits and self._overdue(fate), fate.status is None
        ending = Ending(status, b"{}")
        outcome = self.rig.manager.complete(fate.execution_id, self._place(fate), ending, self.rig.now)
        if untouched and not overdue:
            assert outcome is (Intervention.COMPLETED if open_before else Intervention.ENDED)
        if outcome is Intervention.COMPLETED:
            fate.completed_as = status
            assert not self.rig.manager.holds_slot(fate.execution_id), "completed, and it keeps its slot"
        turn.touch(fate.execution_id)
        turn.expectations.append(lambda: self._completed(fate, status, outcome))

    def _completed(self, fate: Fate, status: ExecutionStatus, outcome: Intervention) -> None:
        if outcome is Intervention.COMPLETED and not fate.ended_by_operator:
            assert fate.status is status, "completed, and the journal says otherwise"

    @precondition(lambda self: any(fate.waits for fate in self.rig.ledger.fates.values()))
    @rule(
        data=st.data(),
        expected=st.integers(0, 8),
        later=st.lists(st.sampled_from(GROUP_VALUES), max_size=3),
        turns_at_once=st.lists(st.integers(1, 3), max_size=3),
    )
    def begin_purge(self, data: st.DataObject, expected: int, later: list[str], turns_at_once: list[int]) -> None:
        """Of a queue in which something waits, and to which more comes."""
        fate = self._any(data, [fate for fate in self.rig.ledger.fates.values() if fate.waits])
        assert fate is not None
        ref = fate.ref
        self.rig.enter(Phase.PURGES)
        purge = self.rig.manager.begin_purge(PurgeOrder(ref, expected))
        if isinstance(purge, Purge):
            self.purge = self.rig.manager, purge, self.rig.ledger.actions[ref].accepted
        else:
            assert isinstance(purge, PurgeRefused)
            assert purge.queue_length > expected, "refused though no more wait than the caller has seen"
        self.submit(ref, later)
        for most in turns_at_once:
            self._go_on_with_purge(most)

    @precondition(lambda self: self.purge is not None)
    @rule(most=st.integers(1, 3))
    def go_on_with_purge(self, most: int) -> None:
        """After whatever else may have happened meanwhile."""
        self._go_on_with_purge(most)

    def _go_on_with_purge(self, most: int) -> None:
        """One turn of it: it cancels what waited when it began and nothing else."""
        self.rig.close()
        if self.purge is None:
            return
        manager, purge, last = self.purge
        if manager is not self.rig.manager:
            # Nobody knows of it any more, and its caller is told so.
            self.purge = None
            return
        self.rig.enter(Phase.PURGES)
        waiting = self.rig.ledger.waiting(purge.queue.ref)
        manager.purge(purge, most, self.rig.now)
        self.rig.close()
        cancelled = [fate for fate in waiting if fate.status is ExecutionStatus.CANCELLED]
        assert len(cancelled) <= most, "a turn in proportion to the backlog"
        assert all(fate.order <= last for fate in cancelled), "an execution that came later is purged"
        report = purge.report()
        if report is not None:
            left = [fate for fate in self.rig.ledger.waiting(purge.queue.ref) if fate.order <= last]
            assert not left, "purged, and something that was meant waits"
            assert report.remaining == 0
            self.purge = None

    # What an SRE declares

    @rule(ref=choices.refs, change=choices.changes)
    def change_policy(self, ref: str, change: tuple[str, object]) -> None:
        self.rig.enter(Phase.POLICIES)
        action = self.rig.ledger.actions[ref]
        policy = replace(action.policy, **{change[0]: change[1]})
        turns.at_once(self.rig.journal.save_policies({ref: policy}))
        self.rig.manager.set_policy(action.action_id, ref, policy, self.rig.now)
        action.change(policy, self.rig.now)

    @rule(ref=choices.refs)
    def remove_policy(self, ref: str) -> None:
        self.rig.enter(Phase.POLICIES)
        turns.at_once(self.rig.journal.save_policies({ref: None}))
        self.rig.manager.remove_policy(ref, self.rig.now)
        self.rig.ledger.actions[ref].governed = False

    @rule(emergency=choices.emergencies)
    def set_emergency(self, emergency: Emergency | None) -> None:
        self.rig.enter(Phase.EMERGENCY)
        self.rig.emergency = emergency
        self.rig.manager.set_emergency(emergency)

    # What an operator does by SQL

    @rule(data=st.data(), status=st.sampled_from(sorted(TERMINAL)))
    def end_by_sql(self, data: st.DataObject, status: ExecutionStatus) -> None:
        self.rig.close()
        fate = self._any(data, [fate for fate in self.rig.ledger.fates.values() if fate.status is None])
        if fate is not None and not fate.ended_by_operator:
            fate.ended_by_operator = True
            self.rig.store.end(fate.execution_id, status)

    @rule(ref=choices.refs, enabled=st.booleans())
    def enable_by_sql(self, ref: str, enabled: bool) -> None:
        self.rig.store.enable(ref, enabled)

    @rule()
    def notice_sql(self) -> None:
        turn = self.rig.enter(Phase.OPERATOR)
        changes = turns.at_once(self.rig.journal.operator_changes())
        for ended in changes.ended:
            fate = self.rig.ledger.fates[ended.execution_id]
            told = self.rig.manager.notify_ended_elsewhere(ended.execution_id, self.rig.now, ended.place)
            if ended.execution_id not in turn.touched:
                assert told == (fate.status is None)
            turn.touch(ended.execution_id)
            self.rig.operator_ended(ended.execution_id)
        for action_id, enabled in changes.enabled.items():
            self.rig.manager.set_enabled(action_id, enabled, self.rig.now)
            for action in self.rig.ledger.actions.values():
                if action.action_id == action_id:
                    action.enabled = enabled

    # What workers report

    @rule(
        data=st.data(),
        count=st.integers(1, 4),
        status=st.sampled_from((ExecutionStatus.SUCCEEDED, ExecutionStatus.FAILED)),
    )
    def finish(self, data: st.DataObject, count: int, status: ExecutionStatus) -> None:
        for _ in range(count):
            fate = self._any(data, [fate for fate in self.rig.ledger.fates.values() if fate.with_worker])
            if fate is not None:
                self._complete(fate, fate.attempt, status)

    @rule()
    def start_all(self) -> None:
        self.rig.enter(Phase.REPORTS)
        for fate in self.rig.ledger.active():
            started = Started(fate.execution_id, fate.attempt, f"{fate.pool}-1", self.rig.now)
            self.rig.manager.notify_started(started, self.rig.now)
            self.rig.turn.touch(fate.execution_id)

    @rule(data=st.data(), status=st.sampled_from(sorted(TERMINAL)), back=st.integers(0, 2), times=st.integers(1, 2))
    def report_end(self, data: st.DataObject, status: ExecutionStatus, back: int, times: int) -> None:
        """Of anything that was ever dispatched: late, stale, twice."""
        fate = self._any(data, [fate for fate in self.rig.ledger.fates.values() if fate.attempt])
        if fate is not None:
            for _ in range(times):
                self._complete(fate, max(1, fate.attempt - back), status)

    @rule(data=st.data(), back=st.integers(0, 2))
    def report_start(self, data: st.DataObject, back: int) -> None:
        fate = self._any(data, [fate for fate in self.rig.ledger.fates.values() if fate.attempt])
        if fate is None:
            return
        turn = self.rig.enter(Phase.REPORTS)
        attempt = max(1, fate.attempt - back)
        started = Started(fate.execution_id, attempt, f"{fate.pool}-1", self.rig.now)
        current = fate.with_worker and attempt == fate.attempt
        heeded = self.rig.manager.notify_started(started, self.rig.now)
        if fate.execution_id not in turn.touched:
            assert heeded == current
        turn.touch(fate.execution_id)

    @rule(
        worker=st.sampled_from(choices.WORKERS),
        slots=st.integers(0, 8),
        draining=st.booleans(),
        mask=st.sampled_from((0, 0b0101, -1)),
    )
    def heartbeat(self, worker: str, slots: int, draining: bool, mask: int) -> None:
        pool = worker.partition("-")[0]
        ours = [fate for fate in self.rig.ledger.active() if fate.pool == pool]
        held = [(fate.execution_id, fate.attempt) for place, fate in enumerate(ours) if mask >> place & 1]
        self._hear(Heartbeat(worker, pool, slots, draining, held))

    # Time, and what it brings

    @rule(seconds=st.sampled_from((0.0, 0.5, 5.0, 31.0, 301.0)))
    def call_roll(self, seconds: float) -> None:
        self.rig.wait(seconds)
        self._call_roll()

    @rule(seconds=st.sampled_from((0.1, 1.0, 7.0, 61.0)))
    def wait(self, seconds: float) -> None:
        self.rig.wait(seconds)

    @rule()
    def wait_until_due(self) -> None:
        self.rig.close()
        due = self.rig.manager.next_due
        if due is not None:
            self.rig.wait(max(0.0, due - self.rig.now))

    @precondition(lambda self: any(fate.with_worker for fate in self.rig.ledger.active()))
    @rule()
    def lose_everything(self) -> None:
        """Workers that answer, with idle slots, and hold nothing: all that was dispatched is lost."""
        patience = self.rig.patience.scheduled_seconds
        self.rig.wait(patience)
        before = {
            fate: fate.attempt
            for fate in self.rig.ledger.active()
            if fate.with_worker and fate.since <= self.rig.now - patience
        }
        for _ in range(4):
            for worker in choices.WORKERS:
                self._hear(Heartbeat(worker, worker.partition("-")[0], 5, draining=False, held=()))
            self._call_roll()
        self.rig.close()
        for fate, attempt in before.items():
            assert not fate.with_worker or fate.attempt > attempt, "lost, and nobody noticed"

    @precondition(lambda self: any(fate.with_worker for fate in self.rig.ledger.active()))
    @rule(ref=choices.refs)
    def desert_a_pool(self, ref: str) -> None:
        """Its workers go away once the policy names another: what was left there is dispatched again."""
        deserted = self.rig.ledger.actions[ref].policy.pool
        other = next(pool for pool in choices.POOLS if pool != deserted)
        self.change_policy(ref, ("pool", other))
        self.rig.close()
        left = {
            fate: fate.attempt
            for fate in self.rig.ledger.active()
            if fate.ref == ref and fate.pool == deserted and fate.with_worker and fate.cancelling_since is None
        }
        for _ in range(2 * ROLL_CALLS_UNTIL_LOST + 1):
            for worker in choices.WORKERS:
                if worker.startswith(other):
                    self._hear(Heartbeat(worker, other, 1, draining=False, held=()))
            self._call_roll()
        self.rig.close()
        for fate, attempt in left.items():
            assert not fate.with_worker or fate.attempt > attempt, "left behind in a pool without workers"

    def _call_roll(self) -> None:
        turn = self.rig.enter(Phase.ROLL_CALL)
        self.rig.fleet.call_roll()
        self.rig.manager.call_roll(self.rig.now)
        for fate in self.rig.ledger.active():
            if fate.with_worker and self._out_of_patience(fate):
                attempt = fate.attempt
                turn.expectations.append(lambda fate=fate, attempt=attempt: self._dealt_with(fate, attempt))
            turn.touch(fate.execution_id)

    def _out_of_patience(self, fate: Fate) -> bool:
        patience = self.rig.patience
        if fate.cancelling_since is not None:
            return self.rig.now - fate.cancelling_since >= patience.cancel_seconds
        timeout = self.rig.ledger.actions[fate.ref].policy.execution_timeout_seconds
        return fate.started and timeout is not None and self.rig.now - fate.since > timeout + patience.run_grace_seconds

    def _dealt_with(self, fate: Fate, attempt: int) -> None:
        assert not fate.with_worker or fate.attempt > attempt, "its worker hangs, and it keeps its slot"

    # What becomes of turns

    @rule()
    def commit(self) -> None:
        self.rig.close()

    @rule()
    def confirm(self) -> None:
        self.rig.close()
        self.rig.confirmed_order = self.rig.ledger.publish_order

    @rule(fate=st.sampled_from(turns.Fate), answered=st.booleans())
    def crash(self, fate: turns.Fate, answered: bool) -> None:
        """A new manager; its first roll call may be answered as the last one was."""
        heartbeats = [announced.heartbeat for announced in self.rig.fleet.workers.values()]
        self.rig.close(fate)
        if fate is turns.Fate.ANSWERED:
            self.rig.rebuild()
        for heartbeat in heartbeats if answered else ():
            self._hear(heartbeat)

    def teardown(self) -> None:
        """Let everything end: with workers that work, nothing is left."""
        if not hasattr(self, "rig"):
            return
        rig = self.rig
        rig.close()
        for ref, action in rig.ledger.actions.items():
            self.change_policy(ref, ("admission", Admission.OPEN))
            self.change_policy(ref, ("rate_limit", None))
            assert action.governed
        self.notice_sql()
        rounds = 2 * len(rig.ledger.fates) + 2
        for _ in range(rounds):
            for worker in choices.WORKERS:
                self._hear(Heartbeat(worker, worker.partition("-")[0], 5, draining=False, held=()))
            for fate in rig.ledger.active():
                if fate.with_worker:
                    self._complete(fate, fate.attempt, ExecutionStatus.SUCCEEDED)
            rig.close()
            if all(fate.status is not None for fate in rig.ledger.fates.values()):
                return
            if not any(fate.with_worker for fate in rig.ledger.active()):
                self.wait_until_due()
        raise AssertionError("something accepted never ends")

    def _hear(self, heartbeat: Heartbeat) -> None:
        self.rig.enter(Phase.REPORTS)
        self.rig.fleet.heard(heartbeat)
        self.rig.ledger.heard(heartbeat)
        self.rig.manager.notify_heartbeat(heartbeat, self.rig.now)

    def _complete(self, fate: Fate, attempt: int, status: ExecutionStatus) -> None:
        rig = self.rig
        turn = rig.enter(Phase.REPORTS)
        finished = Finished(
            fate.execution_id, attempt, status, b"null", f"{fate.pool}-1", rig.now - self.run_seconds, rig.now
        )
        retry = rig.ledger.actions[fate.ref].policy.retry
        ends = status in {ExecutionStatus.SUCCEEDED, ExecutionStatus.CANCELLED} or (
            fate.cancelling_since is not None or fate.failures + 1 >= retry.max_attempts
        )
        heeded = fate.holds_slot and (
            status is ExecutionStatus.SUCCEEDED or (attempt == fate.attempt and fate.with_worker)
        )
        untouched = fate.execution_id not in turn.touched
        told = rig.manager.notify_completion(finished, rig.now)
        turn.touch(fate.execution_id)
        if untouched:
            assert told == heeded, "a report is heeded that says nothing new, or one is not that does"
            turn.expect(fate.execution_id, lambda: self._ended_with(fate, status if heeded and ends else None, heeded))
        # A run that is to be repeated is not measured.
        if told and not rig.manager.holds_slot(fate.execution_id) and self.run_seconds < 0.5:
            rig.fleet.short_runs_seen.add(fate.pool)

    def _ended_with(self, fate: Fate, status: ExecutionStatus | None, heeded: bool) -> None:
        if status is not None:
            assert fate.status is status, "it did not end as its worker said"
        elif heeded:
            assert fate.status is not ExecutionStatus.SUCCEEDED

    def _refused(self, ref: str) -> RefusalCode | None:
        action = self.rig.ledger.actions[ref]
        if not action.governed:
            return RefusalCode.UNKNOWN_ACTION
        emergency = self.rig.emergency
        closed = action.policy.admission is Admission.CLOSED or not action.enabled
        if closed or (emergency is not None and emergency.closes(action.policy)):
            return RefusalCode.ACTION_DISABLED
        return None

    def _place(self, fate: Fate) -> WaitingPlace:
        return WaitingPlace(self.rig.ledger.actions[fate.ref].action_id, fate.key, fate.order)

    def _overdue(self, fate: Fate) -> bool:
        timeout = self.rig.ledger.actions[fate.ref].policy.queue_timeout_seconds
        return timeout is not None and fate.created + timeout <= self.rig.now

    def _any(self, data: st.DataObject, fates: list[Fate]) -> Fate | None:
        return data.draw(st.sampled_from(fates)) if fates else None
