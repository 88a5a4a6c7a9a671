"""Waits for the end and reads what the database says then."""

import asyncio
import time
from collections.abc import Iterable
from typing import Any, Final

import asyncpg
import httpx

from chaos.final import Final as FinalState
from chaos.final import Row, Totals

_POLL_SECONDS: Final = 0.2
_OPEN: Final = "SELECT count(*) FROM attune.execution WHERE open"
_ROWS: Final = """
    SELECT id, idempotency_key, action_ref, status, queue_order, dispatch_order, attempt, updated,
        coalesce(result ->> 'error', result ->> 'by_hand') AS said
    FROM attune.execution ORDER BY id
"""


async def until_all_ended(database_url: str, seconds: float) -> bool:
    """Wait until no execution is open; False where some still are after `seconds`."""
    deadline = time.monotonic() + seconds
    connection = await asyncpg.connect(database_url)
    try:
        while await connection.fetchval(_OPEN):
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(_POLL_SECONDS)
    finally:
        await connection.close()
    return True


async def totals(executor_url: str, actions: Iterable[str]) -> dict[str, Totals]:
    """What the executor counted, by action, as of now.

    Raises:
        httpx.HTTPError: it does not answer, or not with success.
    """
    counted: dict[str, Totals] = {}
    async with httpx.AsyncClient(timeout=30, trust_env=False) as http:
        for action in actions:
            response = await http.get(f"{executor_url}/api/v1/actions/{action}/queue-stats")
            item = response.raise_for_status().json()["data"]
            counted[action] = Totals(
                item["queue_length"], item["active_count"], item["total_enqueued"], item["total_completed"]
            )
    return counted


async def limit(executor_url: str, action: str) -> int:
    """The concurrency limit that the executor works by.

    Raises:
        httpx.HTTPError: it does not answer, or not with success.
    """
    async with httpx.AsyncClient(timeout=30, trust_env=False) as http:
        response = await http.get(f"{executor_url}/api/v1/actions/{action}/queue-stats")
        return response.raise_for_status().json()["data"]["max_concurrent"]


async def queues(executor_url: str) -> list[dict[str, Any]]:
    """Every queue's statistics as the API shows them, a fraction of a second old.

    Raises:
        httpx.HTTPError: it does not answer, or not with success.
    """
    async with httpx.AsyncClient(timeout=30, trust_env=False) as http:
        response = await http.get(f"{executor_url}/api/v1/queues")
        return response.raise_for_status().json()["data"]


async def final_state(database_url: str, counted: dict[str, Totals]) -> FinalState:
    """All rows, with the totals that the executor counted before it was stopped."""
    connection = await asyncpg.connect(database_url)
    try:
        records = await connection.fetch(_ROWS)
    finally:
        await connection.close()
    rows = tuple(
        Row(
            execution_id=record["id"],
            key=record["idempotency_key"],
            action=record["action_ref"],
            status=record["status"],
            queue_order=record["queue_order"],
            dispatch_order=record["dispatch_order"],
            attempt=record["attempt"],
            ended_at=record["updated"].timestamp(),
            said=record["said"],
        )
        for record in records
    )
    return FinalState(time.time(), rows, counted)
