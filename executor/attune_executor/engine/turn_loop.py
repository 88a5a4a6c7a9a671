"""The turn loop: collect, decide, commit, effect. One writer for all queues of a shard.

While one turn commits, the next collects: batches grow under load and vanish when idle, without a timer to tune.
Nothing is answered, acknowledged or dispatched before its commit. When a commit fails, its outcome is unknown, so
memory is thrown away and rebuilt from the journal; reports of that turn are applied again, which is harmless.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

import structlog

from attune_executor.backoff import Backoff
from attune_executor.domain.queue_manager import ExecutionQueueManager
from attune_executor.domain.roll_call import Patience
from attune_executor.engine.batch import Batch
from attune_executor.engine.dispatcher import Dispatcher
from attune_executor.engine.effects import Effects
from attune_executor.engine.id_allocator import IdAllocator
from attune_executor.engine.inbox import Inbox
from attune_executor.engine.rebuild import rebuild
from attune_executor.engine.statistics import Statistics
from attune_executor.engine.turn import Turn, decide, give_way
from attune_executor.engine.views import UnavailableError
from attune_executor.ports.broker import Broker
from attune_executor.ports.clock import Clock
from attune_executor.ports.journal import FencedError, Journal, JournalError, Ownership, StoredExecution

_log = structlog.get_logger("attune.engine")
_FENCED: Final = "another executor owns the queues"


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """How the engine turns.

    Attributes:
        idle_turn_seconds: longest time between two commits; an idle one proves that the shard is still ours.
        roll_call_seconds: how often workers are asked what they hold; three without an answer, and a worker is lost.
        patience: how long things may take before the executor acts itself.
        max_waiting_requests: requests that may wait for a turn before callers are told to come back.
        max_waiting_bytes: parameters that may wait for a turn; the database takes a turn in one message.
        id_block_size: execution ids reserved at a time.
        shards: among how many the workers' slots are divided.
    """

    idle_turn_seconds: float = 2.0
    roll_call_seconds: float = 5.0
    patience: Patience = field(default_factory=Patience)
    max_waiting_requests: int = 50_000
    max_waiting_bytes: int = 64 * 1024 * 1024
    id_block_size: int = 10_000
    shards: int = 1


class TurnLoop:
    """Owns the queues: applies the inbox's commands turn by turn."""

    def __init__(
        self,
        journal: Journal,
        broker: Broker,
        inbox: Inbox,
        dispatcher: Dispatcher,
        statistics: Statistics,
        clock: Clock,
        settings: TurnSettings,
    ) -> None:
        self._journal = journal
        self._broker = broker
        self._inbox = inbox
        self._dispatcher = dispatcher
        self._effects = Effects(broker, dispatcher)
        self._statistics = statistics
        self._clock = clock
        self._settings = settings
        self._ids = IdAllocator(journal, settings.id_block_size)
        self._roll_call_at = 0.0
        self._confirmed_order = 0
        """What the journal is known to have: unlike the dispatcher's own, it respects a predecessor's doubts."""
        self._stopping = False
        self._last_turn = monotonic()
        self.manager = ExecutionQueueManager()
        """The queues; replaced by a rebuild."""
        self.serving = False
        """Whether turns are being committed."""
        self.detail = "starting"
        """Why it serves or not, for people."""

    @property
    def last_turn_age_seconds(self) -> float:
        """Seconds since the loop last came round: a commit, an idle one included, or an attempt to load."""
        return monotonic() - self._last_turn

    def stop(self) -> None:
        """Take a last turn and return from ``run``."""
        self._stopping = True
        self.detail = "stopping"
        self._inbox.wake()

    async def load(self, ownership: Ownership) -> None:
        """Restore the queues from the journal and begin to serve.

        Raises:
            JournalError: the database is away.
        """
        started = monotonic()
        self._dispatcher.forget()
        emergency = self.manager.emergency
        self.manager = await rebuild(
            self._journal,
            publish_order=max(ownership.publish_order, self.manager.publish_order),
            confirmed_order=max(ownership.confirmed_order, self._confirmed_order),
            now=self._clock.now(),
            patience=self._settings.patience,
        )
        self.manager.share_pools(self._settings.shards)
        self.manager.set_emergency(emergency)
        self._statistics.replace(self.manager.queues())
        self._roll_call_at = 0.0
        self._last_turn = monotonic()
        self.serving = True
        self.detail = "serving"
        _log.info("queues rebuilt from the journal", seconds=round(monotonic() - started, 3))
        self._inbox.wake()

    async def run(self, ownership: Ownership) -> None:
        """Turn until ``stop``.

        Raises:
            FencedError: another owner took the shard over.
        """
        while not self._stopping:
            await self._inbox.wait(self._rest_seconds())
            batch = self._inbox.take()
            try:
                await self._turn(batch)
            except FencedError:
                self.serving = False
                self.detail = _FENCED
                batch.refuse_callers(UnavailableError(self.detail))
                raise
            except JournalError as error:
                self.serving = False
                self.detail = f"database away: {error}"
                _log.warning("commit failed, rebuilding the queues from the journal", reason=str(error))
                batch.refuse_callers(UnavailableError(self.detail))
                self._inbox.put_back()
                await self._load_until_done(ownership)
            else:
                self._inbox.settled()
        self.serving = False

    async def commit_confirmations(self) -> None:
        """A last, empty turn: what the broker confirmed need not be dispatched again by the successor.

        Raises:
            JournalError: the database is away; the successor then repeats what it cannot know.
        """
        await self._turn(Batch())

    async def _load_until_done(self, ownership: Ownership) -> None:
        backoff = Backoff()
        while not self._stopping:
            try:
                await self.load(ownership)
            except FencedError:
                self.detail = _FENCED
                raise
            except JournalError as error:
                self.detail = f"database away: {error}"
                # The loop is alive and a restart would not help: an outage of the database is not a stall.
                self._last_turn = monotonic()
                await backoff.wait()
            else:
                return

    def _rest_seconds(self) -> float:
        """How long there is nothing to do unless something comes in."""
        rest = self._settings.idle_turn_seconds
        if self._broker.connected:
            rest = min(rest, max(0.0, self._roll_call_at - monotonic()))
        due = self.manager.next_due
        return rest if due is None else min(rest, max(0.0, due - self._clock.now()))

    async def _turn(self, batch: Batch) -> None:
        action_ids: Mapping[str, int] = {}
        if declared := batch.declared():
            action_ids = await self._journal.save_policies(declared)
        known_keys: Mapping[str, StoredExecution] = {}
        if keys := batch.idempotency_keys():
            known_keys = await self._journal.find_idempotent(keys)
        await self._ids.ensure(batch.request_count)
        now = self._clock.now()
        self._statistics.turn_begins()
        roll_called = self._call_roll_when_due(now)
        turn = decide(self.manager, batch, action_ids, known_keys, self._ids, self._dispatcher.confirmed_order, now)
        committed = await self._journal.commit(turn.decision.record)
        if committed.taken:
            turn = await self._give_way(turn, committed.taken, now)
        self._confirmed_order = turn.decision.record.confirmed_order
        self._last_turn = monotonic()
        for execution_id in self._effects.publish(turn.decision, committed.parameters):
            # Someone ended it in the database between two turns: its slot is free for the next.
            self.manager.notify_ended_elsewhere(execution_id, now)
            self._inbox.wake()
        self._inbox.go_on(batch.answer_callers(turn.outcomes, turn.interventions, turn.purges))
        self._statistics.turn_committed(turn.decision.changed)
        await self._effects.acknowledge(batch.reports)
        if roll_called:
            await self._effects.call_roll()

    async def _give_way(self, turn: Turn, taken: Collection[int], now: float) -> Turn:
        keys = [row.idempotency_key for row in turn.decision.record.accepted if row.execution_id in taken]
        first = await self._journal.find_idempotent([key for key in keys if key is not None])
        _log.info("idempotency keys used for another shard at the same moment", count=len(taken))
        self._inbox.wake()
        return give_way(self.manager, turn, taken, first, now)

    def _call_roll_when_due(self, now: float) -> bool:
        # Without a broker nobody could answer, and nobody is lost for that.
        if monotonic() < self._roll_call_at or not self._broker.connected:
            return False
        self._roll_call_at = monotonic() + self._settings.roll_call_seconds
        if lost := self.manager.call_roll(now):
            _log.warning("no worker has these executions: lost", count=lost)
        return True
