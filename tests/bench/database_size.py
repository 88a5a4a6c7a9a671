"""`python -m bench.database_size`: what a database full of finished executions costs.

Fills a database of its own with finished executions of the last 60 days, and shows that what happens all the time does
not depend on them: rebuilding the queues, snapshots, turns. Half of the executions are past their retention; turns are
timed without and with their deletion beside them. Takes minutes and gigabytes, so no test runs it.
"""

import asyncio
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Annotated

import asyncpg
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from attune_executor.adapters.clock import SystemClock
from attune_executor.adapters.postgres import PostgresJournal, PostgresMaintenance
from attune_executor.adapters.postgres.migration import migrate
from attune_executor.domain.execution import ExecutionStatus
from attune_executor.domain.maintenance import MaintenanceRules, Task
from attune_executor.domain.policy import QueuePolicy
from attune_executor.domain.queue_manager import Patience
from attune_executor.domain.records import Accepted, Dispatched, Finished, TurnRecord
from attune_executor.engine.maintenance import Maintenance
from attune_executor.engine.rebuild import rebuild
from integration.runbook import NAMES, runbook
from testbed.services.postgres import PostgresServer

ACTIONS = 200
DAYS = 60
CHUNK = 250_000
PER_TURN = 1000
ROUNDS = 6
CHANGES_SOMETHING = {"force_complete", "disable_low_priority", "clear_stale_stats", "weekly_clean_stats"}

FILL = f"""
INSERT INTO attune.execution (
    id, action, action_ref, status, parameters, result, queue_order, dispatch_order, publish_order, attempt, worker,
    idempotency_key, created, started_at, updated
)
SELECT
    n, 1 + n % {ACTIONS}, 'team.action' || 1 + n % {ACTIONS},
    (ARRAY['succeeded', 'succeeded', 'succeeded', 'failed', 'timeout'])[1 + n % 5],
    jsonb_build_object('url', 'https://example.org/' || n, 'retries', 3, 'body', md5(n::text)),
    jsonb_build_object('ok', true, 'bytes', n % 5000),
    1 + n / {ACTIONS}, n, n, 1, 'worker-' || n % 10, CASE WHEN n % 10 = 0 THEN 'key-' || n END,
    at, at + interval '1 second', at + interval '3 seconds'
FROM generate_series($1::bigint, $2::bigint) AS n,
    LATERAL (SELECT now() - interval '{DAYS} days' * (1 - n::float8 / $3::bigint) AS at) AS moment
"""  # noqa: S608 - constants of this module
OPEN = f"""
INSERT INTO attune.execution (
    id, action, action_ref, status, parameters, queue_order, dispatch_order, publish_order, attempt, created, updated
)
SELECT
    $1::bigint + n, 1 + n % {ACTIONS}, 'team.action' || 1 + n % {ACTIONS},
    CASE WHEN n > 2000 THEN 'requested' WHEN n > 50 THEN 'scheduled' ELSE 'running' END, '{{}}',
    $1::bigint / {ACTIONS} + 2 + n / {ACTIONS}, CASE WHEN n <= 2000 THEN n END, CASE WHEN n <= 2000 THEN n END,
    (n <= 2000)::integer, now() - interval '20 minutes', now() - interval '15 minutes'
FROM generate_series(1, 10000) AS n
"""  # noqa: S608 - constants of this module


@dataclass(frozen=True)
class Timing:
    """How long something took, and how many rows it was about."""

    what: str
    seconds: float
    rows: int


async def fill(url: str, rows: int) -> None:
    """Make `rows` finished executions, the youngest of which is from now, and 10,000 open ones."""
    await migrate(url)
    connection = await asyncpg.connect(url, server_settings={"synchronous_commit": "off"})
    await connection.execute(
        "INSERT INTO attune.action (ref) SELECT 'team.action' || n FROM generate_series(1, $1::integer) AS n", ACTIONS
    )
    with Progress() as progress:
        for first in progress.track(range(1, rows + 1, CHUNK), description="filling"):
            await connection.execute(FILL, first, min(rows, first + CHUNK - 1), rows)
    await connection.execute(OPEN, rows)
    await connection.execute("SELECT setval('attune.execution_id', $1)", rows + 1_000_000)
    await connection.execute(
        "INSERT INTO attune.queue_stats SELECT id, 40, 10, 10, now(), 9, 9, 7, now() FROM attune.action"
    )
    await connection.execute("VACUUM (FREEZE, ANALYZE) attune.execution")
    await connection.close()


async def timed(what: str, work: Awaitable[int]) -> Timing:
    """Run it; its result is the number of rows."""
    started = time.monotonic()
    rows = await work
    return Timing(what, time.monotonic() - started, rows)


async def of_the_executor(journal: PostgresJournal, maintenance: PostgresMaintenance) -> list[Timing]:
    """What depends on what is open, however much has finished."""

    async def rebuilt() -> int:
        manager = await rebuild(journal, publish_order=0, confirmed_order=0, now=time.time(), patience=Patience())
        return sum(queue.stats(time.time()).queue_length for queue in manager.queues())

    async def snapshot() -> int:
        last = await maintenance.last_run(Task.SNAPSHOT_QUEUES)
        return (await maintenance.snapshot_queues(time.time(), last)).rows

    async def nothing_to_delete() -> int:
        return (await maintenance.delete_executions(0, 0, PER_TURN)).scanned

    await journal.acquire("bench")
    return [
        await timed("rebuild of the queues, cold", rebuilt()),
        await timed("rebuild of the queues", rebuilt()),
        await timed("snapshot", snapshot()),
        await timed("a batch of retention that finds nothing", nothing_to_delete()),
    ]


async def of_the_runbook(url: str) -> list[Timing]:
    """Each of its statements that changes nothing."""
    connection = await asyncpg.connect(url)

    async def run(name: str) -> int:
        return len(await connection.fetch(runbook(name, action_id="1", affected_action_id="1")))

    timings = [await timed(f"runbook: {name}", run(name)) for name in NAMES if name not in CHANGES_SOMETHING]
    await connection.close()
    return timings


class Turns:
    """An owner that commits full turns: each accepts, dispatches and finishes as many executions."""

    def __init__(self, journal: PostgresJournal) -> None:
        self._journal = journal

    async def run(self, seconds: float) -> list[float]:
        """The seconds of each commit."""
        action = (await self._journal.save_policies({"bench.turns": QueuePolicy(concurrency=PER_TURN)}))["bench.turns"]
        commits: list[float] = []
        end = time.monotonic() + seconds
        waiting: list[int] = []
        running: list[int] = []
        while time.monotonic() < end:
            ids = list(await self._journal.reserve_ids(PER_TURN))
            now = time.time()
            turn = TurnRecord(
                accepted=[
                    Accepted(number, action, "bench.turns", number, b'{"n": 1}', None, now, None) for number in ids
                ],
                dispatched=[Dispatched(number, 1, number) for number in waiting],
                finished=[Finished(number, 1, ExecutionStatus.SUCCEEDED, b"{}", "w", now, now) for number in running],
                publish_order=ids[-1],
            )
            started = time.monotonic()
            await self._journal.commit(turn)
            commits.append(time.monotonic() - started)
            waiting, running = ids, waiting
        return commits


async def of_turns(
    url: str, journal: PostgresJournal, maintenance: PostgresMaintenance, seconds: float
) -> list[list[str]]:
    """Commits without and with retention beside them."""
    turns = Turns(journal)
    await turns.run(5)
    oldest = await oldest_execution(url)
    alone: list[float] = []
    accompanied: list[float] = []
    for _ in range(ROUNDS):  # by turns, because a machine has good and bad minutes
        alone += await turns.run(seconds / ROUNDS)
        engine = Maintenance(maintenance, SystemClock(), MaintenanceRules(execution_retention_days=DAYS // 2))
        beside = asyncio.create_task(engine.run())
        accompanied += await turns.run(seconds / ROUNDS)
        beside.cancel()
        await asyncio.wait({beside})
    deleted = await oldest_execution(url) - oldest
    return [summary("alone", alone), summary(f"while {deleted:,} old ones are deleted", accompanied)]


async def oldest_execution(url: str) -> int:
    """The lowest id."""
    connection = await asyncpg.connect(url)
    lowest = await connection.fetchval("SELECT min(id) FROM attune.execution")
    await connection.close()
    return int(lowest)


def summary(what: str, commits: Sequence[float]) -> list[str]:
    """A row of the table."""
    p99 = quantiles(commits, n=100)[98]
    return [what, f"{median(commits) * 1000:.1f} ms", f"{p99 * 1000:.1f} ms", f"{max(commits) * 1000:.1f} ms"]


async def measure(url: str, seconds: float, console: Console) -> None:
    """Print what everything takes."""
    journal = await PostgresJournal.open(url)
    maintenance = await PostgresMaintenance.open(url, journal.fence)
    table = Table("what", "time", "rows", title="Beside finished executions")
    for timing in [*await of_the_executor(journal, maintenance), *await of_the_runbook(url)]:
        table.add_row(timing.what, f"{timing.seconds * 1000:.1f} ms", str(timing.rows))
    console.print(table)
    turns = Table("commits", "median", "p99", "longest", title=f"{PER_TURN} accepted, dispatched and finished a turn")
    for row in await of_turns(url, journal, maintenance, seconds):
        turns.add_row(*row)
    console.print(turns)
    maintenance.close()
    await journal.close()


def main(
    rows: Annotated[int, typer.Option(help="Finished executions; 10 million need 10 GB.")] = 1_000_000,
    seconds: Annotated[float, typer.Option(help="How long turns are timed, twice.")] = 30,
    url: Annotated[str | None, typer.Option(help="A database filled earlier, instead of a new one.")] = None,
) -> None:
    """Fill a database, measure, remove it."""
    console = Console()
    if url is not None:
        asyncio.run(measure(url, seconds, console))
        return
    with PostgresServer() as server:
        asyncio.run(fill(server.url, rows))
        asyncio.run(measure(server.url, seconds, console))


if __name__ == "__main__":
    typer.run(main)
