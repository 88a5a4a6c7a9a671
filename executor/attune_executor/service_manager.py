"""What a service manager that started this program is told: that it serves, that it still turns, that it stops.

The datagrams of sd_notify(3). Without a manager that asked for them, by NOTIFY_SOCKET, nothing is said.
"""

import asyncio
import os
import socket
from collections.abc import Callable
from typing import Final

import structlog

_log: Final = structlog.get_logger("attune.executor")
_MICROSECONDS: Final = 1_000_000


class ServiceManager:
    """Whoever started this process, as its environment names them."""

    def __init__(self) -> None:
        self._address = os.environ.get("NOTIFY_SOCKET")
        meant = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        timeout = int(os.environ.get("WATCHDOG_USEC", "0")) / _MICROSECONDS
        self._interval_seconds = timeout / 3 if meant else 0.0

    def ready(self, status: str) -> None:
        """It serves; ``status`` is one line for people."""
        self._say(f"READY=1\nSTATUS={status}")

    def stopping(self) -> None:
        """It is ending in order."""
        self._say("STOPPING=1")

    async def watch(self, alive: Callable[[], bool]) -> None:
        """Say so for as long as it is ``alive``, from the loop that must not be held up; never returns."""
        if not self._interval_seconds:
            await asyncio.Event().wait()
        while True:
            if alive():
                self._say("WATCHDOG=1")
            await asyncio.sleep(self._interval_seconds)

    def _say(self, text: str) -> None:
        if not self._address:
            return
        # An address that begins with @ is in Linux's abstract namespace.
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as speaking:
            speaking.setblocking(False)
            try:
                speaking.sendto(text.encode(), address)
            except OSError as error:
                # A manager that is being replaced hears nothing for a moment; the queues do not depend on it.
                _log.warning("the service manager could not be told", said=text, error=str(error))
