"""Between the domain's records and the statements' columns."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import asyncpg
import orjson

from attune_executor.adapters.postgres import policy_codec
from attune_executor.domain.execution import ExecutionStatus
from attune_executor.domain.policy import QueuePolicy
from attune_executor.domain.rate_meter import RateMark
from attune_executor.domain.records import Accepted, Dispatched, Finished, Postponed, RateMarks, Started
from attune_executor.domain.stats import QueueStats
from attune_executor.ports.journal import ActiveExecution, StoredExecution

_LAST_SECOND: Final = 253_402_300_799.0  # of the year 9999: the last that clients of the database can read

Columns = Sequence[Sequence[object]]


def accepted_columns(rows: Sequence[Accepted]) -> Columns:
    """Arguments of ``commit`` for its accepted part."""
    ids, actions, refs, orders, parameters, keys, created, dispatch_orders, groups = _columns(Accepted, rows)
    texts = [text.decode() for text in parameters]
    return ids, actions, refs, orders, texts, keys, created, dispatch_orders, groups


def dispatched_columns(rows: Sequence[Dispatched]) -> Columns:
    """Arguments of ``commit`` for its dispatched part."""
    return _columns(Dispatched, rows)


def postponed_columns(rows: Sequence[Postponed]) -> Columns:
    """Arguments of ``commit`` for its postponed part."""
    return _columns(Postponed, rows)


def rate_columns(rows: Sequence[RateMarks]) -> Columns:
    """Arguments of ``commit`` for the rate limits."""
    return [row.action_id for row in rows], [orjson.dumps(list(map(tuple, row.marks))).decode() for row in rows]


def rate_marks(text: str | None) -> Sequence[RateMark]:
    """From the column of ``actions``, as ``rate_columns`` wrote it."""
    return () if text is None else [RateMark(*mark) for mark in orjson.loads(text)]


def started_columns(rows: Sequence[Started]) -> Columns:
    """Arguments of ``commit`` for its started part."""
    ids, _, workers, times = _columns(Started, rows)
    return ids, list(map(_text, workers)), list(map(_time, times))


def finished_columns(rows: Sequence[Finished]) -> Columns:
    """Arguments of ``commit`` for its finished part."""
    ids, _, statuses, results, workers, started, _ = _columns(Finished, rows)
    return (
        ids,
        statuses,
        [None if result is None else result.decode() for result in results],
        list(map(_text, workers)),
        list(map(_time, started)),
    )


def policy_columns(policies: Mapping[str, QueuePolicy | None]) -> Columns:
    """Arguments of ``save_policies``."""
    values = policies.values()
    return (
        list(policies),
        [None if policy is None else policy_codec.encode(policy) for policy in values],
        [None if policy is None else policy.priority for policy in values],
        [None if policy is None else orjson.dumps(policy.tags).decode() for policy in values],
    )


def stats_columns(stats: Sequence[QueueStats]) -> Columns:
    """Arguments of ``save_queue_stats``."""
    return [
        [getattr(row, name) for row in stats]
        for name in (
            "action_id",
            "queue_length",
            "active_count",
            "max_concurrent",
            "oldest_enqueued_at",
            "total_enqueued",
            "total_completed",
            "total_rejected",
            "last_updated",
        )
    ]


def active_execution(row: asyncpg.Record) -> ActiveExecution:
    """From a row of ``active_executions``."""
    return ActiveExecution(
        row["id"],
        row["action"],
        ExecutionStatus(row["status"]),
        row["attempt"],
        row["publish_order"],
        row["group_key"],
        row["failures"],
        row["worker"],
        row["cancelling"],
        row["retry_at"],
        row["updated"],
    )


def stored_execution(row: asyncpg.Record) -> StoredExecution:
    """From a row of ``execution`` or ``find_idempotent``."""
    return StoredExecution(
        row["id"],
        row["action"],
        row["action_ref"],
        ExecutionStatus(row["status"]),
        row["queue_order"],
        row["attempt"],
        row["worker"],
        row["parameters"].encode(),
        None if row["result"] is None else row["result"].encode(),
        row["created"],
        row["started_at"],
        row["updated"],
        row["group_key"],
    )


def _columns(kind: type[NamedTuple], rows: Sequence[NamedTuple]) -> Sequence[Sequence[Any]]:
    return list(zip(*rows, strict=True)) or [()] * len(kind._fields)


# A worker's clock and name are its own: a nonsensical one must not make the database refuse the whole turn. JSON that
# the database refuses is kept out where it comes in (attune_executor.wire.storable).
def _time(seconds: float | None) -> float | None:
    if seconds is None or 0.0 <= seconds <= _LAST_SECOND:
        return seconds
    return _LAST_SECOND if seconds > _LAST_SECOND else 0.0


def _text(name: str | None) -> str | None:
    return name.replace("\0", "\ufffd") if name else name
