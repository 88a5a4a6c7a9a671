"""Looking back over executions, page by page, apart from the queues: nothing here can hold a turn up."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from attune_executor.domain.execution import ExecutionStatus


class HistoryQuery(NamedTuple):
    """Which executions to list, in the order in which they were accepted or the reverse of it.

    Attributes:
        action_ref: only those of one action.
        status: only those in one status.
        after: where to go on: the ``next_after`` of the page before.
        oldest_first: the order; newest first otherwise.
        limit: entries of a page, at least 1.
    """

    action_ref: str | None = None
    status: ExecutionStatus | None = None
    after: int | None = None
    oldest_first: bool = False
    limit: int = 100


class ListedExecution(NamedTuple):
    """One execution without its parameters and its result; times in Unix seconds."""

    execution_id: int
    action_id: int
    action_ref: str
    status: ExecutionStatus
    attempt: int
    worker: str | None
    created: float
    started_at: float | None
    updated: float
    group_key: str | None = None


class HistoryPage(NamedTuple):
    """Some executions. ``next_after`` is None on the last page; a page before it may have few entries, even none."""

    executions: Sequence[ListedExecution]
    next_after: int | None


class ExecutionHistory(Protocol):
    """Reads what the journal keeps."""

    async def page(self, query: HistoryQuery) -> HistoryPage | None:
        """Some executions, or None where the action is unknown; its cost is bounded, however many there are.

        Raises:
            JournalError: the database is away.
        """
        ...
