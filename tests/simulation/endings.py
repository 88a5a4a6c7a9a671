"""What callers ask to end, and whether it ends so: cancels, completions by hand, purges."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from attune_executor.adapters.memory import JournalStore
from attune_executor.domain.execution import TERMINAL, Ending, ExecutionStatus
from attune_executor.domain.purge import Purge, PurgeOrder, PurgeRefused, PurgeReport
from attune_executor.domain.records import Finished, TurnRecord
from attune_executor.domain.submission import Intervention
from unit.domain.machine.ledger import Fate, Ledger

_TAKEN_UP_WITHIN_TURNS: Final = 2
"""Decided after it was asked for: the first may have collected its commands before."""


@dataclass(slots=True, eq=False)
class AskedPurge:
    """A purge that an executor was asked for, and what was seen of it."""

    owner: str
    order: PurgeOrder
    earliest: int
    """The last queue order that was accepted when it was asked for: it means as much as that."""
    latest: int
    """It means no more than that."""
    turns: int = 0
    over: bool = False
    """It was answered."""
    cancelled: int = 0
    last_cancelled: int = 0
    """The highest queue order among them."""
    alone: bool = True
    """Nothing that was cancelled may be the work of another purge."""

    def means(self, owner: str, fate: Fate) -> bool:
        """Whether this executor may cancel this one for it."""
        return not self.over and (self.owner, self.order.action_ref) == (owner, fate.ref) and fate.order <= self.latest


class Endings:
    """Sees what is asked, committed and answered. Every ``assert`` is a promise of the executor.

    Args:
        ledger: what is committed.
        store: the journal's.
        by_operator: what was ended by SQL, which wins over everything that a caller is told at that moment.
    """

    def __init__(self, ledger: Ledger, store: JournalStore, by_operator: Collection[int]) -> None:
        self._ledger = ledger
        self._store = store
        self._by_operator = by_operator
        self._cancels: set[int] = set()
        self._endings: dict[int, set[Ending]] = defaultdict(set)
        self._completed: dict[int, Ending] = {}
        self._purges: list[AskedPurge] = []
        self._purged: set[int] = set()

    # Asked

    def cancel_asked(self, execution_id: int) -> None:
        """A caller is about to cancel it."""
        self._cancels.add(execution_id)

    def complete_asked(self, execution_id: int, ending: Ending) -> None:
        """A caller is about to say how it ended."""
        self._endings[execution_id].add(ending)

    def purge_asked(self, owner: str, order: PurgeOrder) -> AskedPurge:
        """A caller is about to have this executor purge a queue."""
        accepted = self._accepted(order)
        asked = AskedPurge(owner, order, accepted, accepted)
        self._purges.append(asked)
        return asked

    # Decided and committed

    def decided(self, owner: str) -> None:
        """An executor is about to commit a turn: what it accepts from here on is not meant by purges taken up in it."""
        for asked in self._purges:
            if asked.owner == owner and asked.turns < _TAKEN_UP_WITHIN_TURNS:
                asked.turns += 1
                asked.latest = self._accepted(asked.order)

    def committed(self, owner: str, record: TurnRecord) -> None:
        """A turn of this executor is in the journal, and about to be in the ledger."""
        for row in record.finished:
            fate = self._ledger.fates.get(row.execution_id)
            assert fate is not None, "ended in the turn that accepts it"
            ending = Ending(row.status, row.result or b"")
            if ending == Purge.ENDING:
                self._purge_ended(owner, row, fate)
            elif ending in self._endings[row.execution_id]:
                fate.completed_as = row.status
            elif fate.waits and row.status is ExecutionStatus.CANCELLED:
                assert row.execution_id in self._cancels, "cancelled though nobody asked for it"

    def _purge_ended(self, owner: str, row: Finished, fate: Fate) -> None:
        assert fate.waits or row.execution_id in self._by_operator, "purged though it does not wait"
        meant_by = [asked for asked in self._purges if asked.means(owner, fate)]
        assert meant_by, "purged though nobody who asked for it means this one"
        self._purged.add(row.execution_id)
        for asked in meant_by:
            asked.cancelled += 1
            asked.last_cancelled = max(asked.last_cancelled, fate.order)
            asked.alone = asked.alone and len(meant_by) == 1

    # Answered

    def complete_answered(self, execution_id: int, ending: Ending, outcome: Intervention) -> None:
        """A caller was told what came of its completion."""
        if execution_id in self._by_operator:
            return
        stored = self._store.executions[execution_id].stored
        if outcome is Intervention.COMPLETED:
            assert Ending(stored.status, stored.result or b"") == ending, "answered as completed, and it is not"
            self._completed[execution_id] = ending
        else:
            assert outcome is Intervention.ENDED, f"completed, and answered {outcome}"
            assert stored.status in TERMINAL, "answered as ended, and it is open"

    def purge_answered(self, asked: AskedPurge, report: PurgeReport | PurgeRefused | None) -> None:
        """A caller was told what came of its purge; None: the executor did not know the action yet."""
        asked.over = True
        if isinstance(report, PurgeReport):
            self._judge_report(asked, report)
        else:
            assert report is None or report.queue_length > asked.order.expected, "refused without need"
            assert not (asked.alone and asked.cancelled), "refused, and it cancelled something"

    def _judge_report(self, asked: AskedPurge, report: PurgeReport) -> None:
        assert report.cancelled <= asked.cancelled, "answered before it was committed"
        assert not asked.alone or report.cancelled == asked.cancelled, "it cancelled more than it says"
        assert not asked.alone or asked.last_cancelled <= report.up_to, "it cancelled what came later"
        meant = asked.order.up_to
        assert report.up_to <= asked.latest, "it means what came later"
        assert report.up_to >= asked.earliest if meant is None else report.up_to <= meant, "not what its caller meant"
        left = [fate for fate in self._ledger.waiting(asked.order.action_ref) if fate.order <= report.up_to]
        assert len(left) <= report.remaining, "purged, and more than it says waits"

    def conclude(self, ran: Collection[int]) -> None:
        """After everything is over; ``ran`` are the executions that a worker ever ran."""
        for execution_id, ending in self._completed.items():
            stored = self._store.executions[execution_id].stored
            kept = Ending(stored.status, stored.result or b"") == ending
            assert kept or execution_id in self._by_operator, "completed by hand, and changed afterwards"
        assert self._purged.isdisjoint(ran), "purged, and it ran"

    def _accepted(self, order: PurgeOrder) -> int:
        action = self._ledger.actions.get(order.action_ref)
        return 0 if action is None else action.accepted
