"""`testbed services`: PostgreSQL and RabbitMQ for development without a cluster."""

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager

import typer

from testbed.progress import CONSOLE, step
from testbed.services.program import REPOSITORY
from testbed.services.runner import choose_runner
from testbed.services.server import START_SECONDS, ServiceError
from testbed.services.state import State, folder, forget

STOP_SECONDS = 60
POLL_SECONDS = 0.05
LOG_LINES = 30

app = typer.Typer(no_args_is_help=True, help="PostgreSQL and RabbitMQ on this machine, without a cluster.")


@app.command()
def up() -> None:
    """Start both in the background, or find them running; print the variables that name them."""
    with _one_at_a_time():
        state = State.load()
        if state is None:
            choose_runner()  # what must be installed is installed here, where its progress is seen
            with step("Starting PostgreSQL and RabbitMQ"):
                state = _start()
    CONSOLE.print('In your shell: [bold]eval "$(make -s services-up)"[/bold]; to stop: [bold]make services-down[/bold]')
    for name, value in state.environment().items():
        print(f"export {name}={value}")


@app.command()
def down() -> None:
    """Stop both and remove their data."""
    with _one_at_a_time():
        state = State.load()
        process = state.process() if state else None
        if process is None:
            forget()
            CONSOLE.print("PostgreSQL and RabbitMQ are not running.")
            return
        with step("Stopping PostgreSQL and RabbitMQ"):
            process.terminate()
            process.wait(STOP_SECONDS)


def _start() -> State:
    log = folder() / "holder.log"
    with log.open("wb") as output:
        holder = subprocess.Popen(
            [sys.executable, "-m", "testbed.services.holder"],
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY / "tests")},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + 2 * START_SECONDS
    while (state := State.load()) is None:
        if holder.poll() is not None or time.monotonic() > deadline:
            holder.terminate()
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES:])
            raise ServiceError(f"PostgreSQL and RabbitMQ did not come up:\n{tail}")
        time.sleep(POLL_SECONDS)
    return state


@contextmanager
def _one_at_a_time() -> Generator[None]:
    folder().mkdir(parents=True, exist_ok=True)
    with (folder() / "lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        yield
