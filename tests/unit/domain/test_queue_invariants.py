"""ExecutionQueueManager under arbitrary commands, policy changes and crashes: what must hold, whatever happens.

A model of the journal is kept beside the manager; a crash restores a new manager from it, as the engine does.
"""

from dataclasses import dataclass, replace

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from attune_executor.domain.execution import ExecutionStatus
from attune_executor.domain.policy import Admission, QueuePolicy
from attune_executor.domain.queue_manager import ExecutionQueueManager
from attune_executor.domain.records import Accepted, Finished, Started
from attune_executor.domain.submission import ExecutionRequest
from attune_executor.domain.workers import Heartbeat

NOW = 1_000_000.0
REFS = ("a", "b")


@dataclass
class Row:
    """An execution as the journal has it."""

    ref: str
    order: int
    attempt: int = 0
    started: bool = False
    finished: bool = False


class QueueMachine(RuleBasedStateMachine):
    @initialize(concurrency=st.integers(1, 4))
    def begin(self, concurrency: int) -> None:
        self.manager = ExecutionQueueManager()
        self.rows: dict[int, Row] = {}
        self.next_id = 1
        self.publish_order = 0
        self.policies: dict[str, QueuePolicy] = dict.fromkeys(REFS, QueuePolicy(concurrency))
        # A lowered max_queue_length never drops what waits already: the bound then holds for new ones only.
        self.peaks: dict[str, int] = dict.fromkeys(REFS, 0)
        for number, ref in enumerate(REFS, start=1):
            self.manager.set_policy(number, ref, self.policies[ref], NOW)
        self.answer()
        self.close()

    def answer(self) -> None:
        self.manager.notify_heartbeat(Heartbeat("w", "default", 1000, draining=False, held=()))

    def close(self) -> None:
        """Commit a turn into the model and check what it decided."""
        active_before = {ref: len(self.active(ref)) for ref in REFS}
        decision = self.manager.close_turn(self.publish_order, NOW)
        record = decision.record
        touched = [
            *(row.execution_id for row in record.accepted),
            *(row.execution_id for row in record.dispatched),
            *(row.execution_id for row in record.started),
            *(row.execution_id for row in record.finished),
        ]
        assert len(touched) == len(set(touched)), "an execution is in a turn twice"
        for row in record.accepted:
            self.rows[row.execution_id] = Row(row.action_ref, row.queue_order)
        for row in record.finished:
            assert not self.rows[row.execution_id].finished, "a second terminal status"
            self.rows[row.execution_id].finished = True
        for row in record.started:
            self.rows[row.execution_id].started = True
        first_dispatches: dict[str, list[int]] = {ref: [] for ref in REFS}
        for handoff in decision.handoffs:
            row = self.rows[handoff.execution_id]
            assert not row.finished, "dispatched after its end"
            if row.attempt == 0:
                first_dispatches[row.ref].append(row.order)
            row.attempt = handoff.attempt
        for ref, orders in first_dispatches.items():
            expected = [row.order for row in self.rows.values() if row.ref == ref and row.attempt]
            assert orders == sorted(orders), "dispatch order is not acceptance order"
            assert sorted(expected) == list(range(1, len(expected) + 1)), "an earlier execution was passed over"
            if orders:
                assert len(self.active(ref)) <= self.policies[ref].concurrency, "over the limit"
            else:
                assert len(self.active(ref)) <= active_before[ref], "active grew without a dispatch"
        self.publish_order = record.publish_order

    def active(self, ref: str) -> list[int]:
        return [key for key, row in self.rows.items() if row.ref == ref and row.attempt and not row.finished]

    def waiting(self, ref: str) -> list[int]:
        return [key for key, row in self.rows.items() if row.ref == ref and not row.attempt and not row.finished]

    @rule(ref=st.sampled_from(REFS), count=st.integers(1, 8))
    def submit(self, ref: str, count: int) -> None:
        for _ in range(count):
            outcome = self.manager.submit(ExecutionRequest(ref, b"{}"), self.next_id, NOW)
            if isinstance(outcome, Accepted):
                self.next_id += 1
        self.close()
        free = self.policies[ref].concurrency if self.policies[ref].admission is not Admission.HOLD else 0
        assert len(self.waiting(ref)) <= max(self.policies[ref].max_queue_length, self.peaks[ref], free)

    @rule(data=st.data(), duplicates=st.integers(1, 2))
    def complete(self, data: st.DataObject, duplicates: int) -> None:
        if not self.rows:
            return
        execution_id = data.draw(st.sampled_from(sorted(self.rows)))
        row = self.rows[execution_id]
        if not row.attempt:
            return
        was_open = not row.finished
        finished = Finished(execution_id, row.attempt, ExecutionStatus.SUCCEEDED, None, "w", NOW, NOW)
        results = [self.manager.notify_completion(finished, NOW) for _ in range(duplicates)]
        assert results == [was_open] + [False] * (duplicates - 1)
        self.close()

    @rule(data=st.data())
    def start(self, data: st.DataObject) -> None:
        active = [key for ref in REFS for key in self.active(ref)]
        if active:
            execution_id = data.draw(st.sampled_from(active))
            attempt = self.rows[execution_id].attempt
            assert self.manager.notify_started(Started(execution_id, attempt, "w", NOW), NOW)
            self.close()

    @rule(
        ref=st.sampled_from(REFS),
        concurrency=st.integers(1, 6),
        length=st.integers(0, 10),
        admission=st.sampled_from(Admission),
    )
    def change_policy(self, ref: str, concurrency: int, length: int, admission: Admission) -> None:
        self.peaks = {known: max(self.peaks[known], len(self.waiting(known))) for known in REFS}
        self.policies[ref] = replace(
            self.policies[ref], concurrency=concurrency, max_queue_length=length, admission=admission
        )
        self.manager.set_policy(REFS.index(ref) + 1, ref, self.policies[ref], NOW)
        self.close()

    @rule(confirmed=st.booleans())
    def crash(self, confirmed: bool) -> None:
        """Forget everything and restore from the model; what was not started may have to be dispatched again."""
        self.manager = ExecutionQueueManager(self.publish_order)
        for number, ref in enumerate(REFS, start=1):
            orders = [row.order for row in self.rows.values() if row.ref == ref]
            self.manager.restore_action(
                number,
                ref,
                self.policies[ref],
                enabled=True,
                last_order=max(orders, default=0),
                total_rejected=0,
                now=NOW,
            )
            for execution_id in self.active(ref):
                row = self.rows[execution_id]
                self.manager.restore_active(
                    execution_id, number, NOW, attempt=row.attempt, started=row.started, confirmed=confirmed
                )
            for execution_id in self.waiting(ref):
                self.manager.restore_waiting(execution_id, number, self.rows[execution_id].order, NOW)
        unreported = [key for ref in REFS for key in self.active(ref) if not self.rows[key].started]
        lost = 0
        for _ in range(3):
            self.answer()
            lost += self.manager.call_roll(NOW)
        assert lost == (0 if confirmed else len(unreported))
        self.close()

    @invariant()
    def counts_agree_and_no_slot_idles(self) -> None:
        for ref in REFS:
            queue = self.manager.queue(ref)
            assert queue is not None
            stats = queue.stats(NOW)
            accepted = sum(row.ref == ref for row in self.rows.values())
            finished = sum(row.ref == ref and row.finished for row in self.rows.values())
            assert (stats.queue_length, stats.active_count) == (len(self.waiting(ref)), len(self.active(ref)))
            assert (stats.total_enqueued, stats.total_completed) == (accepted, finished)
            held = self.policies[ref].admission is Admission.HOLD
            assert held or not stats.queue_length or stats.active_count >= self.policies[ref].concurrency


TestQueues = QueueMachine.TestCase
