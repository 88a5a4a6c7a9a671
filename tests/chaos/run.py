"""A run from nothing to its verdict: servers, processes, load and killer; then quiet, the end, and the judgement."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
from rich.console import Console

from chaos import outcome, pack
from chaos.board import Board
from chaos.changes import Changes
from chaos.clients import Client
from chaos.fleet import Fleet
from chaos.history import LimitSet, Part, RateSet, Recorder
from chaos.killer import Killer
from chaos.records import Records
from chaos.schedule import strikes
from chaos.tally import Tally
from chaos.workload import WORKLOAD, Load, policies
from testbed.services.postgres import PostgresServer
from testbed.services.rabbitmq import RabbitMQServer

_SHOW_SECONDS: Final = 0.5
_START_SECONDS: Final = 180.0
_POLL_SECONDS: Final = 0.05


@dataclass(frozen=True)
class Plan:
    """How a run goes.

    Attributes:
        seconds: of load and kills, at least.
        seed: of everything that is left to chance.
        gap_seconds: before a strike, on average.
        change_seconds: between two changes of a limit, on average.
        least_strikes: that have fallen at the end, however long that takes.
        settle_seconds: after the last strike, until when everything must have ended; what was dispatched and never
            began is dispatched again after 300 s at the latest.
        pause_seconds: of a client between two submissions, on average.
    """

    seconds: float
    seed: int
    gap_seconds: float = 4.0
    change_seconds: float = 40.0
    least_strikes: int = 0
    settle_seconds: float = 360.0
    clients: int = 6
    pause_seconds: float = 0.15
    workers: int = 3
    slots: int = 8
    max_queue_length: int = 100
    load: Sequence[Load] = WORKLOAD


@dataclass(frozen=True)
class Servers:
    """Servers that are up, to be killed and brought back, and the URLs of what is used in them."""

    postgres: PostgresServer
    database_url: str
    rabbitmq: RabbitMQServer
    amqp_url: str


async def run(plan: Plan, servers: Servers, folder: Path, console: Console) -> None:
    """Run `plan` against `servers`, and leave its records in `folder`.

    Raises:
        TimeoutError: the executor does not come up at the start.
    """
    records, tally = Records(folder), Tally()
    variables = pack.install(folder / "pack", records.history)
    urls = {"ATTUNE__DATABASE__URL": servers.database_url, "ATTUNE__MESSAGE_QUEUE__URL": servers.amqp_url}
    with Recorder(records.history) as recorder, Board(console, tally) as board:
        fleet = Fleet(folder, urls, variables, policies(plan.load, plan.max_queue_length), recorder)
        try:
            showing = asyncio.create_task(_show(board, fleet, tally))
            await fleet.migrate()
            fleet.start(plan.workers, plan.slots)
            supervising = asyncio.create_task(fleet.supervise())
            try:
                await _policies_in_force(fleet, plan)
                now = time.time()
                for load in plan.load:
                    recorder.record(LimitSet(load.ref, load.limit, 0, now))
                    if load.rate is not None:
                        recorder.record(RateSet(load.ref, *load.rate))
                killer = Killer(
                    fleet,
                    {Part.POSTGRES: servers.postgres, Part.RABBITMQ: servers.rabbitmq},
                    plan.seed,
                    recorder,
                    tally,
                )
                changes = Changes(fleet, plan.load, plan.max_queue_length, plan.seed, recorder, tally)
                await _storm(plan, fleet, killer, changes, recorder, tally)
                tally.phase = "everything is up, waiting for the end"
                await outcome.until_all_ended(servers.database_url, plan.settle_seconds)
                await fleet.serving()
                counted = await outcome.totals(fleet.executor_url, [load.ref for load in plan.load])
            finally:
                supervising.cancel()
            tally.phase = "stopping"
            await asyncio.to_thread(fleet.stop)
            showing.cancel()
            records.save(await outcome.final_state(servers.database_url, counted))
        finally:
            fleet.close()


async def _storm(plan: Plan, fleet: Fleet, killer: Killer, changes: Changes, recorder: Recorder, tally: Tally) -> None:
    """Load and strikes side by side; returns when the clients know what became of everything they asked for."""
    tally.phase = "load and strikes"
    calm, quiet = asyncio.Event(), asyncio.Event()
    clients = [
        Client(f"c{number}", plan.seed, fleet.executor_urls, plan.load, plan.pause_seconds, recorder, tally)
        for number in range(plan.clients)
    ]
    async with asyncio.TaskGroup() as group:
        for client in clients:
            group.create_task(client.run(quiet))
        striking = group.create_task(killer.run(strikes(plan.seed, plan.gap_seconds), calm))
        changing = group.create_task(changes.run(plan.change_seconds, calm))
        await asyncio.sleep(plan.seconds)
        while killer.strikes < plan.least_strikes:
            await asyncio.sleep(_POLL_SECONDS)
        calm.set()
        await striking
        await changing
        quiet.set()
        tally.phase = "no more strikes, the clients finish"


async def _policies_in_force(fleet: Fleet, plan: Plan) -> None:
    """A fresh executor serves before the policies of its configuration are declared."""
    wanted = {load.ref for load in plan.load}
    try:
        async with asyncio.timeout(_START_SECONDS):
            await fleet.serving()
            while not wanted <= {item["action_ref"] for item in await outcome.queues(fleet.executor_url)}:
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError as error:
        raise TimeoutError(f"no executor with its policies within {_START_SECONDS} s:\n{fleet.log()}") from error


async def _show(board: Board, fleet: Fleet, tally: Tally) -> None:
    while True:
        try:
            tally.queues = {
                item["action_ref"]: (item["queue_length"], item["active_count"])
                for item in await outcome.queues(fleet.executor_url)
            }
        except httpx.HTTPError:
            tally.queues = {}
        board.show()
        await asyncio.sleep(_SHOW_SECONDS)
