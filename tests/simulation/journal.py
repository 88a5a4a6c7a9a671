"""The journal in memory behind a connection that fails; whatever is written is judged."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from attune_executor.adapters.memory import JournalStore, MemoryJournal
from attune_executor.domain.policy import QueuePolicy
from attune_executor.domain.records import TurnRecord
from attune_executor.ports.journal import (
    ActiveExecution,
    Committed,
    JournalError,
    KnownAction,
    OperatorChanges,
    Ownership,
    StoredExecution,
    WaitingRun,
)
from simulation.faults import Process
from simulation.judge import Judge
from unit.domain.machine.rig import at_once


class SimulatedJournal(MemoryJournal):
    """One executor's connection."""

    def __init__(self, store: JournalStore, process: Process, judge: Judge) -> None:
        super().__init__(store)
        self._process = process
        self._judge = judge

    async def acquire(self, owner: str, if_epoch: int | None = None) -> Ownership:
        acquire = super().acquire
        return await self._process.call("acquire", lambda: at_once(acquire(owner, if_epoch)), JournalError)

    async def actions(self) -> Sequence[KnownAction]:
        actions = super().actions
        return await self._process.call("actions", lambda: at_once(actions()), JournalError)

    async def waiting_executions(self) -> AsyncIterator[Sequence[WaitingRun]]:
        batches = [batch async for batch in super().waiting_executions()]
        yield await self._process.call("waiting executions", partial(next, iter(batches)), JournalError)

    async def active_executions(self) -> AsyncIterator[Sequence[ActiveExecution]]:
        batches = [batch async for batch in super().active_executions()]
        yield await self._process.call("active executions", partial(next, iter(batches)), JournalError)

    async def save_policies(self, policies: Mapping[str, QueuePolicy | None]) -> Mapping[str, int]:
        save = super().save_policies

        def effect() -> Mapping[str, int]:
            action_ids = at_once(save(policies))
            for ref, policy in policies.items():
                self._judge.policy_saved(ref, action_ids[ref], policy)
            return action_ids

        return await self._process.call("save policies", effect, JournalError)

    async def reserve_ids(self, count: int) -> range:
        reserve = super().reserve_ids
        return await self._process.call("reserve ids", lambda: at_once(reserve(count)), JournalError)

    async def find_idempotent(self, keys: Sequence[str]) -> Mapping[str, StoredExecution]:
        find = super().find_idempotent
        return await self._process.call("find idempotent", lambda: at_once(find(keys)), JournalError)

    async def commit(self, turn: TurnRecord) -> Committed:
        commit = super().commit
        # The engine decides and commits without a pause.
        decided_at = self._judge.now()
        self._judge.endings.decided(self._process.name)

        def effect() -> Committed:
            committed = at_once(commit(turn))
            written = [row for row in turn.accepted if row.execution_id not in committed.taken]
            self._judge.committed(self._process.name, replace(turn, accepted=written), decided_at)
            return committed

        return await self._process.call("commit", effect, JournalError)

    async def operator_changes(self) -> OperatorChanges:
        changes = super().operator_changes
        return await self._process.call("operator changes", lambda: at_once(changes()), JournalError)

    async def execution(self, execution_id: int) -> StoredExecution | None:
        execution = super().execution
        return await self._process.call("execution", lambda: at_once(execution(execution_id)), JournalError)
