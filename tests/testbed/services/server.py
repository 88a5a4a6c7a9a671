"""What PostgreSQL and RabbitMQ have in common: starting, waiting until they answer, failing on demand."""

import time
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from testbed.services.program import Program

START_SECONDS = 180
POLL_SECONDS = 0.05


class ServiceError(RuntimeError):
    """A server did not come up; the message carries the end of its log."""


class Server(ABC):
    """A server that tests may kill, freeze and start again; as a context manager it is started and removed.

    Its port, user and password stay the same over restarts, its data too.
    """

    name: str

    def __init__(self, program: Program) -> None:
        self._program = program

    def __enter__(self) -> Self:
        """Start the server and wait until it answers; remove it again if it does not."""
        try:
            self.start()
        except BaseException:
            self.discard()
            raise
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Remove the server and its data."""
        self.discard()

    @abstractmethod
    def answers(self) -> bool:
        """Tell whether it takes clients now; quick, never raises for a server that is down."""

    def launch(self) -> None:
        """Start it without waiting."""
        self._program.start()

    def wait_ready(self) -> None:
        """Wait until it answers.

        Raises:
            ServiceError: it has ended, or does not answer within `START_SECONDS`.
        """
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            if not self._program.is_running():
                raise ServiceError(f"{self.name} ended while starting:\n{self._program.log_tail()}")
            if time.monotonic() > deadline:
                raise ServiceError(f"{self.name} does not answer after {START_SECONDS} s:\n{self._program.log_tail()}")
            time.sleep(POLL_SECONDS)

    def start(self) -> None:
        """Start it, on its first data or on those it had, and wait until it answers."""
        self.launch()
        self.wait_ready()

    def stop(self) -> None:
        """Stop it in order, keeping its data."""
        self._program.stop()

    def restart(self) -> None:
        """Stop it in order, start it, and wait until it answers."""
        self.stop()
        self.start()

    def kill(self) -> None:
        """End it with SIGKILL, keeping its data as they are then; `start()` brings it back."""
        self._program.kill()

    def pause(self) -> None:
        """Freeze it: connections stay open, nothing answers."""
        self._program.pause()

    def resume(self) -> None:
        """Let it go on after `pause()`."""
        self._program.resume()

    def discard(self) -> None:
        """Remove the server and its data."""
        self._program.discard()
