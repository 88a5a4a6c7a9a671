"""The workers as they announced themselves, and the room that they leave: the model of what a pool may be given."""

from dataclasses import dataclass

from attune_executor.domain.worker_pool import ROLL_CALLS_UNTIL_LOST
from attune_executor.domain.workers import Heartbeat
from unit.domain.machine.ledger import Ledger


@dataclass(slots=True)
class Announced:
    """The last heartbeat of a worker, and the roll calls since."""

    heartbeat: Heartbeat
    unanswered: int = 0


class Fleet:
    """All workers that count as there."""

    def __init__(self) -> None:
        self.workers: dict[str, Announced] = {}
        self.short_runs_seen: set[str] = set()
        """Pools whose executions have been seen to take less time than a prefetch is worth."""

    def heard(self, heartbeat: Heartbeat) -> None:
        self.workers[heartbeat.worker] = Announced(heartbeat)

    def call_roll(self) -> None:
        for name, announced in list(self.workers.items()):
            announced.unanswered += 1
            if announced.unanswered > ROLL_CALLS_UNTIL_LOST:
                del self.workers[name]

    def forget(self) -> None:
        self.workers.clear()
        self.short_runs_seen.clear()

    def room(self, pool: str, ledger: Ledger) -> int:
        """Executions that may be dispatched; negative where more are than may be."""
        ours = [each.heartbeat for each in self.workers.values() if each.heartbeat.pool == pool]
        slots = sum(heartbeat.slots for heartbeat in ours if not heartbeat.draining)
        leaving = {held for heartbeat in ours if heartbeat.draining for held in heartbeat.held}
        prefetch = max(1, slots // 4) if slots and pool in self.short_runs_seen else 0
        in_flight = sum(
            fate.pool == pool and (fate.execution_id, fate.attempt) not in leaving for fate in ledger.active()
        )
        return slots + prefetch - in_flight
