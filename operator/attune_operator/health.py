"""Tells the kubelet whether this replica lives, by what it last did rather than by answering at all."""

from collections.abc import Callable
from typing import Final

from aiohttp import web

STALLED_SECONDS: Final = 60.0
"""Time without an attempt at the lease, or without a pass while leading, after which the process is stuck."""


class Health:
    """What the probes are answered from.

    Attributes:
        ages: seconds since each thing that has to happen regularly last happened, by its name.
        ready: whether this replica does what its role asks: the leader serves, a standby waits for the lease.
    """

    def __init__(self) -> None:
        self.ages = dict[str, Callable[[], float]]()
        self.ready = False

    def stalled(self) -> dict[str, float]:
        """What has not happened for too long, and for how many seconds."""
        return {name: round(age(), 1) for name, age in self.ages.items() if age() > STALLED_SECONDS}


class HealthServer:
    """Serves `/livez` and `/readyz`."""

    def __init__(self, health: Health, port: int) -> None:
        self._health = health
        self._port = port
        application = web.Application()
        application.router.add_get("/livez", self._livez)
        application.router.add_get("/readyz", self._readyz)
        self._runner = web.AppRunner(application, access_log=None)

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the port is taken.
        """
        await self._runner.setup()
        await web.TCPSite(self._runner, port=self._port).start()

    async def stop(self) -> None:
        """Close."""
        await self._runner.cleanup()

    async def _livez(self, _request: web.Request) -> web.Response:
        stalled = self._health.stalled()
        return web.json_response({"alive": not stalled, "stalled": stalled}, status=503 if stalled else 200)

    async def _readyz(self, _request: web.Request) -> web.Response:
        ready = self._health.ready
        return web.json_response({"ready": ready}, status=200 if ready else 503)
