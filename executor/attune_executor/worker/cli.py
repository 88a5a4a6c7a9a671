"""`attune-worker`: runs the executions of one pool until it is told to stop.

Exit codes: 0 drained after SIGTERM or SIGINT, 2 wrong configuration, 69 the broker cannot be reached.
"""

import asyncio
import os
import signal
import socket
import sys
from typing import Annotated, Final, NoReturn

import structlog
import typer
import uvloop
from pydantic import ValidationError

from attune_executor.amqp.link import Link
from attune_executor.configuration import AS_OPTION, describe
from attune_executor.garbage import collect_rarely
from attune_executor.ports.broker import BrokerError
from attune_executor.program_version import version_option
from attune_executor.worker.health import HealthServer
from attune_executor.worker.registry import ActionRegistry, PackError
from attune_executor.worker.runtime import WorkerRuntime
from attune_executor.worker.settings import WorkerSettings

EXIT_CONFIGURATION: Final = 2
EXIT_UNAVAILABLE: Final = 69
_RETRY_SECONDS: Final = 1.0

_log: Final = structlog.get_logger("attune.worker")


def work(
    pool: Annotated[
        str | None, typer.Option(help="Worker pool to run the executions of.", envvar="ATTUNE__WORKER__POOL")
    ] = None,
    slots: Annotated[
        int | None, typer.Option(help="Executions that run at once; 10 unless set.", envvar="ATTUNE__WORKER__SLOTS")
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            help="This worker's name, unique among all workers; unset: the host's, with the process id.",
            envvar="ATTUNE__WORKER__NAME",
        ),
    ] = None,
    health_port: Annotated[
        int | None,
        typer.Option(help="Answer /livez and /readyz on this port.", envvar="ATTUNE__WORKER__HEALTH_PORT"),
    ] = None,
    drain_seconds: Annotated[
        float | None,
        typer.Option(
            help="After SIGTERM, return what still runs to the queue after so many seconds; unset: let it finish.",
            envvar="ATTUNE__WORKER__DRAIN_SECONDS",
        ),
    ] = None,
    version: Annotated[bool, version_option("attune-worker", "attune-executor")] = False,
) -> None:
    """Run the executions of a worker pool.

    The broker's URL is taken from ATTUNE__MESSAGE_QUEUE__URL, never from the command line, where others could read
    its password. SIGTERM or SIGINT: finish what runs, report it, exit; a second signal: return it to the queue.

    Exit codes: 0 drained, 2 wrong configuration, 69 broker not reachable.
    """
    del version
    options = {
        "pool": pool,
        "slots": slots,
        "name": name,
        "health_port": health_port,
        "drain_seconds": drain_seconds,
    }
    given = {name: value for name, value in options.items() if value is not None}
    try:
        settings = WorkerSettings(message_queue={}, worker=given)  # pyright: ignore[reportArgumentType] - completed from the environment
        actions = ActionRegistry.installed()
    except ValidationError as error:
        _give_up(EXIT_CONFIGURATION, describe(error, WorkerSettings, AS_OPTION))
    except PackError as error:
        _give_up(EXIT_CONFIGURATION, str(error))
    settings.log.configure()
    collect_rarely()
    try:
        left_behind = uvloop.run(_run(settings, actions))
    except BrokerError as error:
        _give_up(EXIT_UNAVAILABLE, str(error))
    if left_behind:
        # Their executions are back in the queue; the interpreter would wait for the threads for ever.
        _log.warning("leaving actions behind that do not end", count=left_behind)
        os._exit(0)


async def _run(settings: WorkerSettings, actions: ActionRegistry) -> int:
    options = settings.worker
    name = options.name or _own_name()
    link = Link(
        settings.message_queue.connection_url,
        f"attune-worker {options.pool} {name}",
        settings.message_queue.queue_type,
    )
    runtime = WorkerRuntime(link, actions, name, options.pool, options.slots, options.max_result_bytes, settings.log)
    stop, abandon = asyncio.Event(), asyncio.Event()

    def on_signal() -> None:
        (abandon if stop.is_set() else stop).set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, on_signal)

    health = HealthServer(options.health_port, lambda: runtime.readiness) if options.health_port else None
    serving = asyncio.create_task(health.serve()) if health else None
    try:
        if await _connect(runtime, stop, options.connect_seconds):
            await runtime.run(stop, abandon, options.drain_seconds)
    finally:
        if health and serving:
            health.should_exit = True
            await serving
    return runtime.left_behind


def _own_name() -> str:
    """In a container, where this is its first process, the host's name is the pod's: it stays as it is."""
    host, process = socket.gethostname(), os.getpid()
    return host if process == 1 else f"{host}-{process}"


async def _connect(runtime: WorkerRuntime, stop: asyncio.Event, seconds: float) -> bool:
    """Try for so long, at least once; False when told to stop meanwhile."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not stop.is_set():
        try:
            await runtime.start()
        except BrokerError as error:
            if asyncio.get_running_loop().time() + _RETRY_SECONDS > deadline:
                raise
            _log.warning("cannot connect to the broker yet", reason=str(error))
            await asyncio.sleep(_RETRY_SECONDS)
        else:
            return True
    return False


def _give_up(code: int, reason: str) -> NoReturn:
    typer.echo(f"attune-worker: {reason}", err=True)
    sys.exit(code)


def main() -> None:
    """Entry point of `attune-worker`."""
    typer.run(work)
