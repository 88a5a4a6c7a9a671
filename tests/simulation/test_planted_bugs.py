"""The simulation finds what a crash, a lost answer or a second owner would do to an engine that is careless."""

# A planted bug reaches into what it breaks.
# pyright: reportPrivateUsage=false

from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest

from attune_executor.adapters.memory import MemoryJournal
from attune_executor.domain.action_queue import ActionQueue
from attune_executor.domain.purge import Purge, PurgeOrder
from attune_executor.domain.records import Accepted
from attune_executor.domain.roll_call import RollCall
from attune_executor.domain.slots import Slots
from attune_executor.domain.submission import Intervention
from attune_executor.domain.turn_draft import TurnDraft
from attune_executor.engine import turn_loop
from attune_executor.engine.batch import Batch, Submission
from attune_executor.engine.completion_listener import CompletionListener
from attune_executor.engine.dispatcher import Dispatcher
from attune_executor.engine.inbox import Inbox
from attune_executor.engine.turn import Turn
from attune_executor.engine.turn_loop import TurnLoop
from attune_executor.ports.broker import Dispatch, WorkerReport
from attune_executor.ports.journal import Committed
from simulation.exchange import Connection
from simulation.journal import SimulatedJournal
from simulation.world import simulate

_SEEDS = 300


def _acknowledge_at_once(original: Callable[[Connection, WorkerReport], None]) -> Callable[..., None]:
    def deliver(connection: Connection, report: WorkerReport) -> None:
        original(connection, report)
        if connection._unacknowledged:
            connection.forget_up_to(connection._unacknowledged[-1][0])

    return deliver


def _publish_first(original: Callable[..., Any]) -> Callable[..., Any]:
    async def commit(journal: SimulatedJournal, turn: Any) -> Committed:
        for row in turn.accepted:
            if row.dispatch_order is not None:
                journal._judge.published(Dispatch(row.execution_id, row.action_ref, 1, "default", row.parameters))
        return await original(journal, turn)

    return commit


async def _serve_on(loop: TurnLoop, _: Any) -> None:
    loop.serving = True


def _nothing(*_: Any, **__: Any) -> None:
    return None


def _only_up(journal: MemoryJournal) -> None:
    journal.store.check_up()


def _without_key(original: Callable[..., None]) -> Callable[..., None]:
    def accepted(draft: TurnDraft, row: Accepted) -> None:
        original(draft, row._replace(idempotency_key=None))

    return accepted


def _enders_answered_first(original: Callable[..., Turn]) -> Callable[..., Turn]:
    def decide(manager: Any, batch: Batch, *others: Any) -> Turn:
        turn = original(manager, batch, *others)
        for request, intervention in zip(batch.ends, turn.interventions, strict=True):
            request.answer_with(intervention)
        return turn

    return decide


def _purgers_answered_first(original: Callable[..., Turn]) -> Callable[..., Turn]:
    def decide(manager: Any, batch: Batch, *others: Any) -> Turn:
        turn = original(manager, batch, *others)
        for purge, report in zip(batch.purges, turn.purges, strict=True):
            if report is not None:
                purge.answer_with(report)
        return turn

    return decide


def _completed_in_word_alone(*_: Any) -> Intervention:
    return Intervention.COMPLETED


def _slot_kept(original: Callable[..., None]) -> Callable[..., None]:
    def end(slots: Slots, execution_id: int, active: Any, ending: Any, now: float) -> None:
        original(slots, execution_id, active, ending, now)
        if active.worker is not None:
            slots._occupy(execution_id, active)

    return end


def _everything_is_meant(purge: type[Purge], _: PurgeOrder, queue: ActionQueue) -> Purge:
    begun = purge(queue, queue.last_order)
    begun.up_to = 10**9
    return begun


PLANTED: dict[str, tuple[object, str, Any]] = {
    "acknowledged before the commit": (Connection, "deliver", _acknowledge_at_once(Connection.deliver)),
    "published before the commit": (SimulatedJournal, "commit", _publish_first(SimulatedJournal.commit)),
    "not fenced": (MemoryJournal, "check_owner", _only_up),
    "memory kept after a commit whose outcome is unknown": (TurnLoop, "_load_until_done", _serve_on),
    "reports of a failed turn dropped": (Inbox, "put_back", _nothing),
    "keys not kept": (TurnDraft, "accepted", _without_key(TurnDraft.accepted)),
    "what is lost is not missed": (RollCall, "_lost", _nothing),
    "dispatches forgotten": (Dispatcher, "enqueue", _nothing),
    "callers not answered": (Submission, "answer_with", _nothing),
    "completions by hand answered before the commit": (turn_loop, "decide", _enders_answered_first(turn_loop.decide)),
    "completed in word alone": (Slots, "complete", _completed_in_word_alone),
    "a slot kept after its execution was ended": (Slots, "end", _slot_kept(Slots.end)),
    "purges answered before the commit": (turn_loop, "decide", _purgers_answered_first(turn_loop.decide)),
    "purged what came later": (Purge, "begin", classmethod(_everything_is_meant)),
    "reports not heard": (CompletionListener, "on_report", _nothing),
}
"""By what they break: the class or module, the name of what is in it, and what to put there."""


@pytest.mark.parametrize("name", PLANTED)
@pytest.mark.timeout(0)
def test_a_planted_bug_is_found(name: str) -> None:
    owner, attribute, replacement = PLANTED[name]
    with patch.object(owner, attribute, replacement):
        for seed in range(_SEEDS):
            try:
                simulate(seed)
            except AssertionError:
                return
    raise AssertionError(f"{_SEEDS} seeds, and not one shows it")
