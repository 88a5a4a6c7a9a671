"""Everything that may become of an execution, on a real executor, worker, PostgreSQL and RabbitMQ."""

import asyncio
import time
from collections.abc import AsyncGenerator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from integration.worker_process import gone, held_until, until
from testbed.attune.processes import AttuneProcesses

SLEEP, SHELL, ECHO = "core.sleep", "core.shell", "core.echo"
DEADLINE_SECONDS = 60.0
"""For what comes in a second or two on a machine that has time."""
HELD_SECONDS = 600
"""What a test holds open ends by itself only after that."""
CLOCK_SECONDS = 0.05
"""That two ways to tell the time may differ by: PostgreSQL and Python round, and timers fire early."""


@pytest.fixture
async def database(database_url: str) -> AsyncGenerator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


def held(pid: Path) -> str:
    """Shell that says who it is and lasts longer than any test: whoever is gone was stopped."""
    return f"echo $$ > {pid}; exec sleep {HELD_SECONDS}"


class Client:
    """Speaks to the executor as a user does."""

    def __init__(self, attune: AttuneProcesses) -> None:
        self._http = httpx.AsyncClient(base_url=f"{attune.url}/api/v1", timeout=30)

    async def close(self) -> None:
        await self._http.aclose()

    async def submit(self, ref: str, *parameters: dict[str, Any]) -> list[int]:
        body = {"executions": [{"action_ref": ref, "parameters": each} for each in parameters]}
        response = await self._http.post("/executions", json=body)
        assert response.status_code == 201, response.text
        return [item["id"] for item in response.json()["data"]]

    async def status_of_submitting(self, ref: str) -> int:
        return (await self._http.post("/executions", json={"action_ref": ref})).status_code

    async def look(self, execution_id: int) -> dict[str, Any]:
        response = await self._http.get(f"/executions/{execution_id}")
        assert response.status_code == 200, response.text
        return response.json()["data"]

    async def cancel(self, execution_id: int) -> int:
        return (await self._http.post(f"/executions/{execution_id}/cancel")).status_code

    async def complete(self, execution_id: int) -> dict[str, Any]:
        response = await self._http.post(f"/executions/{execution_id}/complete")
        assert response.status_code == 200, response.text
        return response.json()["data"]

    async def purge(self, ref: str, expected: int) -> dict[str, Any]:
        return (await self._http.post(f"/actions/{ref}/purge", json={"expected": expected})).json()

    async def stuck(self, minutes: float) -> list[dict[str, Any]]:
        return (await self._http.get("/executions/stuck", params={"minutes": minutes})).json()["data"]

    async def until(self, execution_id: int, *statuses: str) -> dict[str, Any]:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while (execution := await self.look(execution_id))["status"] not in statuses:
            assert time.monotonic() < deadline, f"{execution['status']}: {execution['result']}"
            await asyncio.sleep(0.05)
        return execution


class Started:
    """Processes with these policies, and a client."""

    def __init__(self, folder: Path, database_url: str, amqp_url: str) -> None:
        self._arguments = folder, database_url, amqp_url

    async def run(self, policies: dict[str, dict[str, Any]]) -> Client:
        self.attune = AttuneProcesses(*self._arguments, policies)
        self.attune.migrate()
        self.executor = self.attune.executor()
        worker = self.attune.worker(slots=10)
        deadline = time.monotonic() + DEADLINE_SECONDS
        while "worker ready" not in worker.log():
            assert time.monotonic() < deadline, worker.log()
            await asyncio.sleep(0.05)
        self.client = Client(self.attune)
        return self.client


@pytest.fixture
async def started(tmp_path: Path, database_url: str, amqp_url: str) -> AsyncGenerator[Started]:
    started = Started(tmp_path, database_url, amqp_url)
    yield started
    await started.client.close()
    started.attune.end()


async def test_what_an_operator_does_by_sql_counts_within_seconds(
    started: Started, database: asyncpg.Connection
) -> None:
    client = await started.run({SLEEP: {"concurrency_limit": 1}})
    stuck, waiting, last = await client.submit(
        SLEEP, {"seconds": HELD_SECONDS}, {"seconds": HELD_SECONDS}, {"seconds": 0}
    )
    await client.until(stuck, "running")
    # The runbook's "Force Complete Stuck Executions": of one that runs, and of one that waits.
    await database.execute(
        """
        UPDATE attune.execution
        SET status = 'failed', result = '{"error": "Execution stuck, manually failed by operator"}', updated = NOW()
        WHERE id = ANY($1)
        """,
        [stuck, waiting],
    )
    await client.until(last, "succeeded")
    assert (await client.look(stuck))["result"] == {"error": "Execution stuck, manually failed by operator"}
    assert (await client.look(waiting))["attempt"] == 0
    # The runbook's "Temporarily Disable Non-Critical Actions", and back.
    for enabled, answer in ((False, 409), (True, 201)):
        await database.execute("UPDATE attune.action SET enabled = $1 WHERE priority <= 5", enabled)
        deadline = time.monotonic() + DEADLINE_SECONDS
        while await client.status_of_submitting(SLEEP) != answer:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)


async def test_cancelling_what_waits_and_what_runs(started: Started, tmp_path: Path) -> None:
    client = await started.run({SHELL: {"concurrency_limit": 1}, SLEEP: {"concurrency_limit": 1}})
    pid = tmp_path / "pid"
    running, waiting, last = await client.submit(
        SHELL, {"command": held(pid)}, {"command": "true"}, {"command": "true"}
    )
    await client.until(running, "running")
    assert (await client.look(last))["queue_position"] == 2
    assert await client.cancel(waiting) == 202
    assert (await client.look(waiting))["status"] == "cancelled"
    assert (await client.look(last))["queue_position"] == 1
    assert await client.cancel(running) == 202
    await client.until(running, "cancelled")
    await client.until(last, "succeeded")
    assert gone(int(pid.read_text())), "it went on after it was cancelled"
    assert await client.cancel(running) == 409
    assert await client.cancel(10**9) == 404


async def test_an_execution_that_is_stuck_is_found_and_completed_by_hand(started: Started, tmp_path: Path) -> None:
    client = await started.run({SHELL: {"concurrency_limit": 1}})
    pid = tmp_path / "pid"
    stuck, last = await client.submit(SHELL, {"command": held(pid)}, {"command": "true"})
    running = await client.until(stuck, "running")
    (found,) = await client.stuck(minutes=0)
    assert (found["id"], found["worker"], found["status"]) == (stuck, running["worker"], "running")
    began, updated = (datetime.fromisoformat(each) for each in (found["since"], running["updated"]))
    assert abs(began - updated) < timedelta(seconds=10)
    assert await client.stuck(minutes=10) == []
    completed = await client.complete(stuck)
    assert (completed["status"], completed["worker"]) == ("failed", running["worker"])
    assert completed["result"] == {"error": "Execution stuck, manually failed by operator"}
    # Its slot is free, and its worker stops: both within less than the command takes.
    await client.until(last, "succeeded")
    await until(lambda: gone(int(pid.read_text())), "its worker is told to stop it")
    assert (await client.look(stuck))["status"] == "failed"


async def test_what_waits_for_an_action_is_purged(started: Started, database: asyncpg.Connection) -> None:
    client = await started.run({SLEEP: {"concurrency_limit": 2}, ECHO: {"concurrency_limit": 1}})
    running = await client.submit(SLEEP, *[{"seconds": HELD_SECONDS}] * 2)
    for execution_id in running:
        await client.until(execution_id, "running")
    for _ in range(3):
        await client.submit(SLEEP, *[{"seconds": HELD_SECONDS}] * 1000)
    assert (await client.purge(SLEEP, expected=2000))["details"] == {"queue_length": 3000, "expected": 2000}
    purged, (echoed,) = await asyncio.gather(client.purge(SLEEP, expected=3000), client.submit(ECHO, {}))
    assert purged["data"] == {"action_ref": SLEEP, "cancelled": 3000, "remaining": 0, "up_to": 3002}
    await client.until(echoed, "succeeded")
    counted = await database.fetch(
        "SELECT status, count(*), sum(attempt) FROM attune.execution WHERE action_ref = $1 GROUP BY status", SLEEP
    )
    assert {row["status"]: (row["count"], row["sum"]) for row in counted} == {"running": (2, 2), "cancelled": (3000, 0)}


async def test_timeouts_in_the_queue_and_of_the_run(started: Started) -> None:
    client = await started.run(
        {
            SLEEP: {"concurrency_limit": 1, "queue_timeout_seconds": 2},
            SHELL: {"concurrency_limit": 1, "execution_timeout_seconds": 3},
        }
    )
    held, overdue = await client.submit(SLEEP, {"seconds": 6}, {"seconds": 0})
    slow, quick = await client.submit(SHELL, {"command": f"sleep {HELD_SECONDS}"}, {"command": "true"})
    timed_out = await client.until(overdue, "timeout")
    assert "queue_timeout_seconds" in timed_out["result"]["error"]
    assert timed_out["attempt"] == 0
    await client.until(slow, "timeout")
    await client.until(quick, "succeeded")
    await client.until(held, "succeeded")


async def test_a_failed_run_is_repeated_as_often_as_the_policy_says(started: Started, tmp_path: Path) -> None:
    client = await started.run({SHELL: {"concurrency_limit": 1, "retry": {"max_attempts": 3, "delay_seconds": 0.2}}})
    runs = tmp_path / "runs"
    mended, hopeless, last = await client.submit(
        SHELL,
        {"command": f"echo run >> {runs}; test $(wc -l < {runs}) -ge 3"},
        {"command": "exit 7"},
        {"command": "true"},
    )
    await client.until(mended, "succeeded")
    assert runs.read_text().split() == ["run"] * 3
    failed = await client.until(hopeless, "failed")
    assert (failed["attempt"], failed["result"]["exit_code"]) == (3, 7)
    await client.until(last, "succeeded")


async def test_groups_have_the_limit_and_the_order_to_themselves(
    started: Started, database: asyncpg.Connection, tmp_path: Path
) -> None:
    client = await started.run({SHELL: {"concurrency_limit": 1, "group_by": ["stdin"]}})
    first_of_a = {"command": held_until(tmp_path / "go"), "stdin": "a"}
    parameters = [first_of_a, *({"command": "true", "stdin": group} for group in "abbc")]
    first, second, *others = await client.submit(SHELL, *parameters)
    for execution_id in others:
        await client.until(execution_id, "succeeded")
    assert (await client.look(second))["status"] == "requested", "its group is busy"
    (tmp_path / "go").touch()
    await client.until(first, "succeeded")
    await client.until(second, "succeeded")
    disorder = await database.fetchval(
        """
        SELECT count(*) FROM attune.execution AS earlier JOIN attune.execution AS later USING (action, group_key)
        WHERE earlier.queue_order < later.queue_order AND earlier.dispatch_order > later.dispatch_order
        """
    )
    assert disorder == 0


async def test_a_rate_limit_holds_also_across_a_restart(started: Started, database: asyncpg.Connection) -> None:
    limit, window = 5, 6.0
    client = await started.run(
        {ECHO: {"concurrency_limit": 10, "rate_limit": {"max_executions": limit, "window_seconds": window}}}
    )
    begun = time.time()
    ids = await client.submit(ECHO, *[dict[str, Any]() for _ in range(12)])
    await client.until(ids[4], "succeeded")
    started.executor.kill()
    started.attune.executor()
    await client.until(ids[-1], "succeeded")
    starts = sorted(row["started_at"].timestamp() for row in await database.fetch("SELECT * FROM attune.execution"))
    # A start follows its dispatch, however slow the machine is: no window's first comes before a window has passed.
    waited = [moment - begun for moment in starts]
    assert waited[limit] > window - CLOCK_SECONDS, waited
    assert waited[2 * limit] > 2 * window - CLOCK_SECONDS, waited
