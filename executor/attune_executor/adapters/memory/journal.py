"""A journal in memory."""

from collections.abc import AsyncIterator, Mapping, Sequence
from time import monotonic

from attune_executor.adapters.memory.store import JournalStore, ShardRow, StoredAction, StoredRow
from attune_executor.domain.execution import TERMINAL, ExecutionStatus
from attune_executor.domain.policy import QueuePolicy
from attune_executor.domain.records import Accepted, Dispatched, Finished, Postponed, Started, TurnRecord
from attune_executor.domain.stats import QueueStats
from attune_executor.ports.journal import (
    ActiveExecution,
    Committed,
    FencedError,
    JournalError,
    KnownAction,
    OperatorChanges,
    Ownership,
    StoredExecution,
    WaitingRun,
    waiting_runs,
)


class MemoryJournal:
    """One owner's view of a store."""

    def __init__(self, store: JournalStore | None = None, shard: int = 0) -> None:
        self.store = store or JournalStore()
        self._shard = shard
        self._epoch = 0

    @property
    def _ownership(self) -> ShardRow:
        return self.store.shards[self._shard]

    async def acquire(self, owner: str, if_epoch: int | None = None) -> Ownership:
        """Take the shard over."""
        self.store.check_up()
        row = self._ownership
        if if_epoch not in {None, row.epoch}:
            raise FencedError(f"epoch {if_epoch} is over, {row.owner} owns the shard")
        row.epoch += 1
        row.owner = owner
        row.renewed_at = monotonic()
        self._epoch = row.epoch
        return Ownership(self._shard, owner, self._epoch, row.publish_order, row.confirmed_order)

    async def release(self) -> None:
        """Empty the shard's owner."""
        self.check_owner()
        self._ownership.owner = ""

    async def actions(self) -> Sequence[KnownAction]:
        """Every known action of the shard."""
        if self._epoch:
            self.check_owner()
        self.store.check_up()
        return [self._known(ref, action) for ref, action in self.store.actions.items() if action.shard == self._shard]

    def _known(self, ref: str, action: StoredAction) -> KnownAction:
        orders = [
            row.stored.queue_order for row in self.store.executions.values() if row.stored.action_id == action.action_id
        ]
        stats = self.store.stats.get(action.action_id)
        return KnownAction(
            action.action_id,
            ref,
            action.enabled,
            action.policy,
            action.governed,
            last_order=max([*orders, action.last_order]),
            total_rejected=max(stats.total_rejected if stats else 0, action.total_rejected),
            rate_marks=action.rate_marks,
        )

    async def waiting_executions(self) -> AsyncIterator[Sequence[WaitingRun]]:
        """Executions that wait, in one batch."""
        waiting = (row.stored for row in self._open_rows() if row.publish_order is None)
        yield waiting_runs(
            (stored.action_id, stored.group_key, stored.execution_id, stored.queue_order, stored.created)
            for stored in waiting
        )

    async def active_executions(self) -> AsyncIterator[Sequence[ActiveExecution]]:
        """Executions that hold a slot, in one batch."""
        yield [
            ActiveExecution(
                row.stored.execution_id,
                row.stored.action_id,
                row.stored.status,
                row.stored.attempt,
                row.publish_order,
                row.stored.group_key,
                row.failures,
                row.stored.worker,
                row.cancelling,
                row.retry_at,
                row.stored.updated,
            )
            for row in self._open_rows()
            if row.publish_order is not None
        ]

    def _open_rows(self) -> Sequence[StoredRow]:
        """By action and queue order."""
        self.store.check_up()
        mine = {action.action_id for action in self.store.actions.values() if action.shard == self._shard}
        rows = [
            row
            for row in self.store.executions.values()
            if row.stored.status not in TERMINAL and row.stored.action_id in mine
        ]
        return sorted(rows, key=lambda row: (row.stored.action_id, row.stored.queue_order))

    async def save_policies(self, policies: Mapping[str, QueuePolicy | None]) -> Mapping[str, int]:
        """Store or remove policies."""
        self.check_owner()
        for ref, policy in policies.items():
            action = self.store.actions.setdefault(ref, StoredAction(len(self.store.actions) + 1, None, self._shard))
            action.shard = self._shard
            action.policy = policy or action.policy
            action.governed = policy is not None
        return {ref: self.store.actions[ref].action_id for ref in policies}

    async def reserve_ids(self, count: int) -> range:
        """The next ids."""
        self.store.check_up()
        block = range(self.store.next_id, self.store.next_id + count)
        self.store.next_id = block.stop
        return block

    async def find_idempotent(self, keys: Sequence[str]) -> Mapping[str, StoredExecution]:
        """Executions by idempotency key."""
        self.store.check_up()
        wanted = set(keys)
        return {
            row.idempotency_key: row.stored
            for row in self.store.executions.values()
            if row.idempotency_key is not None and row.idempotency_key in wanted
        }

    async def commit(self, turn: TurnRecord) -> Committed:
        """Apply a turn, unless another owner has taken over."""
        self.check_owner()
        self._ownership.publish_order = turn.publish_order
        self._ownership.confirmed_order = turn.confirmed_order
        self._ownership.renewed_at = monotonic()
        taken = self._taken(turn.accepted)
        for accepted in turn.accepted:
            if accepted.execution_id not in taken:
                self._accept(accepted)
        for postponed in turn.postponed:
            self._postpone(postponed)
        for started in turn.started:
            self._start(started)
        for finished in turn.finished:
            self._finish(finished)
        for execution_id in turn.cancelling:
            self._cancel(execution_id)
        for rate in turn.rates:
            for action in self.store.actions.values():
                if action.action_id == rate.action_id:
                    action.rate_marks = rate.marks
        dispatched = [self._dispatch(row) for row in turn.dispatched]
        return Committed({stored.execution_id: stored.parameters for stored in dispatched if stored is not None}, taken)

    def check_owner(self) -> None:
        """Fail while away, and once another owner has taken over."""
        self.store.check_up()
        if self._epoch == 0:
            raise JournalError("the shard is not acquired: call acquire first")
        if self._epoch != self._ownership.epoch:
            raise FencedError(f"epoch {self._epoch} is over, {self._ownership.owner} owns the shard")

    def _taken(self, rows: Sequence[Accepted]) -> frozenset[int]:
        if all(row.idempotency_key is None for row in rows):
            return frozenset()
        used = {row.idempotency_key for row in self.store.executions.values()} - {None}
        return frozenset(row.execution_id for row in rows if row.idempotency_key in used)

    def _accept(self, row: Accepted) -> None:
        dispatched = row.dispatch_order is not None
        stored = StoredExecution(
            row.execution_id,
            row.action_id,
            row.action_ref,
            ExecutionStatus.SCHEDULED if dispatched else ExecutionStatus.REQUESTED,
            row.queue_order,
            attempt=1 if dispatched else 0,
            worker=None,
            parameters=row.parameters,
            result=None,
            created=row.created,
            started_at=None,
            updated=row.created,
            group_key=row.group_key,
        )
        self.store.executions[row.execution_id] = StoredRow(
            stored, row.idempotency_key, row.dispatch_order, row.dispatch_order
        )

    def _dispatch(self, row: Dispatched) -> StoredExecution | None:
        known = self._open(row.execution_id)
        if known is None:
            return None
        known.publish_order = row.publish_order
        known.dispatch_order = known.dispatch_order or row.publish_order
        known.failures = row.failures
        known.retry_at = None
        known.stored = known.stored._replace(status=ExecutionStatus.SCHEDULED, attempt=row.attempt)
        return known.stored

    def _postpone(self, row: Postponed) -> None:
        known = self._open(row.execution_id)
        if known is not None:
            known.failures = row.failures
            known.retry_at = row.retry_at
            known.stored = known.stored._replace(status=ExecutionStatus.SCHEDULED)

    def _cancel(self, execution_id: int) -> None:
        known = self._open(execution_id)
        if known is not None:
            known.cancelling = True

    def _start(self, row: Started) -> None:
        known = self._open(row.execution_id)
        if known is not None:
            known.stored = known.stored._replace(
                status=ExecutionStatus.RUNNING, worker=row.worker, started_at=row.started_at
            )

    def _finish(self, row: Finished) -> None:
        known = self._open(row.execution_id)
        if known is not None:
            known.stored = known.stored._replace(
                status=row.status,
                result=row.result,
                worker=row.worker or known.stored.worker,
                started_at=row.started_at or known.stored.started_at,
                updated=row.finished_at,
            )

    def _open(self, execution_id: int) -> StoredRow | None:
        row = self.store.executions.get(execution_id)
        return None if row is None or row.stored.status in TERMINAL else row

    async def operator_changes(self) -> OperatorChanges:
        """What `JournalStore.end` and `JournalStore.enable` did since the last time."""
        self.store.check_up()
        if self._epoch != self._ownership.epoch:
            return OperatorChanges()
        mine = {action.action_id for action in self.store.actions.values() if action.shard == self._shard}
        ended = [change for change in self.store.ended_elsewhere if change.action_id in mine]
        self.store.ended_elsewhere = [change for change in self.store.ended_elsewhere if change.action_id not in mine]
        turned = {action_id: self.store.turned.pop(action_id) for action_id in mine & self.store.turned.keys()}
        return OperatorChanges(ended, turned)

    async def execution(self, execution_id: int) -> StoredExecution | None:
        """One execution."""
        self.store.check_up()
        row = self.store.executions.get(execution_id)
        return None if row is None else row.stored


class MemoryQueueStatsRepository:
    """Keeps statistics in the same store."""

    def __init__(self, store: JournalStore) -> None:
        self._store = store

    async def save(self, stats: Sequence[QueueStats]) -> None:
        """Insert or replace."""
        self._store.check_up()
        self._store.stats.update({row.action_id: row for row in stats})
