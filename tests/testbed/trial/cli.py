"""`python -m testbed try`: executor, two workers, PostgreSQL and RabbitMQ on this machine, real work, then all gone."""

import asyncio
import shutil
import signal
import tempfile
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import psutil
import psycopg
import typer
import yaml
from rich.console import Console

from testbed.attune.client import Caller
from testbed.attune.processes import AttuneProcesses, HostProcess
from testbed.demo.board import Board
from testbed.demo.verdict import Row
from testbed.progress import elapsed, step
from testbed.reaper import Reaper
from testbed.services.postgres import PostgresServer
from testbed.services.rabbitmq import RabbitMQServer
from testbed.services.runner import choose_runner
from testbed.trial.scenario import Course, Scenario
from testbed.trial.verdict import judge, line, table
from testbed.trial.work import Work, plan

_POLICIES: Final = Path(__file__).with_name("policies.yaml")
_WORKERS: Final = 2
_SLOTS: Final = 10
_ROWS: Final = """
    SELECT id, action_ref, status, queue_order, dispatch_order, result
    FROM attune.execution WHERE id = ANY(%s) ORDER BY id
"""

app = typer.Typer(help="Executor, workers and services as processes of this machine, in a minute; no cluster.")


@app.callback(invoke_without_command=True)
def trial() -> None:
    """Run real executions through an executor and two workers, check every result, and leave nothing behind."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # unwinds what is started, as Ctrl-C does
    console = Console()
    begun = time.monotonic()
    actions: dict[str, Any] = yaml.safe_load(_POLICIES.read_text(encoding="utf-8"))["policies"]["actions"]
    limits = {ref: int(action["concurrency_limit"]) for ref, action in actions.items()}
    choose_runner()  # what must be installed is installed here, where its progress is seen
    with (
        _folder() as (folder, reaper),
        _services() as (postgres, rabbitmq),
        AttuneProcesses(folder, postgres.url, rabbitmq.url, actions) as attune,
    ):
        started = _start(attune, reaper)
        work = plan(attune.url)
        console.print(
            f"{len(work.wanted)} executions in bursts for {_WORKERS} workers of {_SLOTS} slots;"
            f" the API is at {attune.url}",
            highlight=False,
            soft_wrap=True,
        )
        with Board(console) as board:
            course = asyncio.run(_work(attune.url, board, work))
        rows = _rows(postgres, course)
        with step("Stopping the workers, then the executor, in order"):
            codes = {process.name: process.stop() for process in reversed(started)}
    expected = {course.ids[key]: result for key, result in work.expected.items()}
    verdicts = judge(rows, expected, limits, course.peaks)
    console.print(table(verdicts, course.seconds))
    failed = [f"{name} ended with exit code {code}" for name, code in codes.items() if code]
    for failure in failed:
        console.print(f"[red]✗[/red] {failure}")
    console.print(f"All stopped and removed after {elapsed(begun)}.", highlight=False)
    print(line(verdicts, course.seconds))
    if failed or not all(verdict.good for verdict in verdicts):
        raise typer.Exit(1)


@contextmanager
def _folder() -> Generator[tuple[Path, Reaper]]:
    """A folder for logs, and who removes it and the processes should this one be killed."""
    folder = Path(tempfile.mkdtemp(prefix="attune-try-"))
    reaper = Reaper()
    reaper.remove_directory(str(folder))
    try:
        yield folder, reaper
    finally:
        reaper.close()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _services() -> Generator[tuple[PostgresServer, RabbitMQServer]]:
    with ExitStack() as stack:
        rabbitmq, postgres = RabbitMQServer(), PostgresServer()
        with step("Starting PostgreSQL and RabbitMQ"):
            for server in (rabbitmq, postgres):
                stack.callback(server.discard)
                server.launch()
            for server in (postgres, rabbitmq):
                server.wait_ready()
        yield postgres, rabbitmq


def _start(attune: AttuneProcesses, reaper: Reaper) -> list[HostProcess]:
    with step(f"Starting an executor and {_WORKERS} workers"):
        attune.migrate()
        workers = [attune.worker(slots=_SLOTS) for _ in range(_WORKERS)]
        started = [attune.executor(), *workers]
    for process in started:
        reaper.remove_process(psutil.Process(process.pid))
    return started


async def _work(url: str, board: Board, work: Work) -> Course:
    caller = Caller(_Here(url))
    try:
        return await Scenario(caller, board, _WORKERS).run(work)
    finally:
        await caller.close()


class _Here:
    """The way to an API on this machine: always the same."""

    def __init__(self, url: str) -> None:
        self._url = url

    def url(self) -> str:
        return self._url

    def lost(self, url: str) -> None:
        """It is tried again; a pause keeps that from being a storm."""
        del url
        time.sleep(0.1)


def _rows(postgres: PostgresServer, course: Course) -> list[Row]:
    with psycopg.connect(postgres.url) as connection:
        rows: list[tuple[Any, ...]] = connection.execute(_ROWS, [list(course.ids.values())]).fetchall()
    return [Row(*row) for row in rows]
