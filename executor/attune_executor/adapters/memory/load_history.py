"""The load of the past, from a store in memory."""

from collections import defaultdict
from statistics import fmean

from attune_executor.adapters.memory.store import JournalStore
from attune_executor.domain.execution import TERMINAL
from attune_executor.domain.load import BUCKET_SECONDS, Minute
from attune_executor.ports.load_history import ActionHistory, KnownLoad


class MemoryLoadHistory:
    """Tells all that the store has of one shard."""

    def __init__(self, store: JournalStore, shard: int = 0) -> None:
        self._store = store
        self._shard = shard

    async def since(self, start: float) -> KnownLoad:
        """The past of every action of the shard."""
        self._store.check_up()
        minutes: dict[int, dict[int, Minute]] = defaultdict(dict)
        latest: dict[int, list[float]] = defaultdict(list)
        mine = {action.action_id for action in self._store.actions.values() if action.shard == self._shard}

        def minute(action: int, at: float) -> Minute:
            index = int(at // BUCKET_SECONDS)
            return minutes[action].setdefault(index, Minute(index))

        for row in self._store.executions.values():
            stored = row.stored
            if stored.action_id not in mine:
                continue
            if stored.created >= start:
                minute(stored.action_id, stored.created).arrivals += 1
            if stored.status in TERMINAL and stored.updated >= start:
                minute(stored.action_id, stored.updated).ended(stored.status)
            if stored.status in TERMINAL and stored.started_at is not None:
                seconds = max(0.0, stored.updated - stored.started_at)
                latest[stored.action_id].append(seconds)
                if stored.updated >= start:
                    minute(stored.action_id, stored.updated).finished.add(seconds)
        actions = {
            action: ActionHistory(
                list(minutes[action].values()), fmean(latest[action][-50:]) if latest[action] else None
            )
            for action in minutes.keys() | latest.keys()
        }
        return KnownLoad(start, actions)
