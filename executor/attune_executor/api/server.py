"""Serves the API on a loop that belongs to someone else: no signal handlers, started and stopped by the application."""

import asyncio
import contextlib
import socket
from collections.abc import Generator

import uvicorn
from fastapi import FastAPI

from attune_executor.api.certificate import ServedCertificate

_POLL_SECONDS = 0.01
_GRACE_SECONDS = 5


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave signals to the application."""
        yield


class ApiServer:
    """One listening API; ``start`` returns when it answers. With a certificate it speaks HTTPS."""

    def __init__(self, app: FastAPI, host: str, port: int, certificate: ServedCertificate | None = None) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=_GRACE_SECONDS,
            ssl_context_factory=None if certificate is None else lambda _config, _default: certificate.context,
        )
        self._certificate = certificate
        self._address = (host, port)
        self._server = _Server(config)
        self._serving: asyncio.Task[None] | None = None
        self._following: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the address cannot be listened on.
        """
        # Bound here, since uvicorn ends the whole process where it cannot bind.
        family = socket.AF_INET6 if ":" in self._address[0] else socket.AF_INET
        listening = socket.create_server(self._address, family=family, backlog=2048)
        self._serving = asyncio.create_task(self._server.serve([listening]), name="api")
        while not self._server.started:
            if self._serving.done():
                self._serving.result()
            await asyncio.sleep(_POLL_SECONDS)
        if self._certificate is not None:
            self._following = asyncio.create_task(self._certificate.follow(), name="certificate")

    async def stop(self) -> None:
        """Finish the requests at hand and close."""
        if self._following is not None:
            self._following.cancel()
        if self._serving is not None:
            self._server.should_exit = True
            await asyncio.wait({self._serving})
