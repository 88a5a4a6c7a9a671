"""The load of the past, from the executions that the journal keeps."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Final

import asyncpg

from attune_executor.adapters.postgres.connection import away_is_journal_error
from attune_executor.adapters.postgres.statements import statement
from attune_executor.domain.durations import GROWTH, SHORTEST_SECONDS
from attune_executor.domain.execution import ExecutionStatus
from attune_executor.domain.load import BUCKET_SECONDS, Minute
from attune_executor.ports.load_history import ActionHistory, KnownLoad

EXAMINED: Final = 200_000
"""Executions that are looked at, newest first: half a second of the database's time."""
_LATEST: Final = 50
"""Executions of each action that tell how long it last took."""


class PostgresLoadHistory:
    """Implements `attune_executor.ports.load_history.LoadHistory` for the actions of one shard."""

    def __init__(self, readers: asyncpg.Pool, shard: int) -> None:
        self._readers = readers
        self._shard = shard

    async def since(self, start: float) -> KnownLoad:
        """The past of every action of the shard."""
        with away_is_journal_error("reading the load of the past"):
            rows = await self._readers.fetch(
                statement("load_history"), self._shard, start, EXAMINED, SHORTEST_SECONDS, GROWTH
            )
            latest = await self._readers.fetch(statement("last_durations"), self._shard, _LATEST)
        minutes: dict[int, dict[int, Minute]] = defaultdict(dict)
        for row in rows:
            if row["action"] is None:
                # Older ones were not looked at: of this minute and those before not everything is known.
                start = max(start, float((row["minute"] + 1) * BUCKET_SECONDS))
                continue
            minute = minutes[row["action"]].setdefault(row["minute"], Minute(row["minute"]))
            if row["bin"] is not None:
                minute.finished.add_many(row["bin"], row["executions"], row["microseconds"])
            elif row["status"] is not None:
                minute.ended(ExecutionStatus(row["status"]), row["executions"])
            else:
                minute.arrivals = row["executions"]
        means = {row["action"]: row["seconds"] for row in latest}
        return KnownLoad(start, _by_action(minutes, means))


def _by_action(minutes: Mapping[int, Mapping[int, Minute]], means: Mapping[int, float]) -> dict[int, ActionHistory]:
    return {
        action: ActionHistory(list(minutes.get(action, {}).values()), means.get(action))
        for action in minutes.keys() | means.keys()
    }
