"""Lists of executions from a store in memory."""

from attune_executor.adapters.memory.store import JournalStore
from attune_executor.ports.history import HistoryPage, HistoryQuery, ListedExecution


class MemoryExecutionHistory:
    """Looks at ``examined`` executions for a page, like the one in PostgreSQL."""

    def __init__(self, store: JournalStore, *, examined: int = 10_000) -> None:
        self._store = store
        self._examined = examined

    async def page(self, query: HistoryQuery) -> HistoryPage | None:
        """Some executions, or None where the action is unknown."""
        self._store.check_up()
        if query.action_ref is not None and query.action_ref not in self._store.actions:
            return None
        after, step = query.after, 1 if query.oldest_first else -1
        ahead = [
            row.stored
            for execution_id, row in sorted(self._store.executions.items(), reverse=not query.oldest_first)
            if (after is None or (execution_id - after) * step > 0)
            and query.action_ref in {None, row.stored.action_ref}
        ]
        examined = ahead[: self._examined]
        found = [stored for stored in examined if query.status in {None, stored.status}]
        page = found[: query.limit]
        if len(found) > query.limit:
            next_after = page[-1].execution_id
        else:
            next_after = examined[-1].execution_id if len(examined) == self._examined else None
        return HistoryPage(
            [
                ListedExecution(
                    stored.execution_id,
                    stored.action_id,
                    stored.action_ref,
                    stored.status,
                    stored.attempt,
                    stored.worker,
                    stored.created,
                    stored.started_at,
                    stored.updated,
                    stored.group_key,
                )
                for stored in page
            ],
            next_after,
        )
