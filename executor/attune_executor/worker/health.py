"""Answers the kubelet's probes on the worker's own loop: a loop that hangs does not answer.

/livez    200 as long as the loop turns
/readyz   200 while executions are taken, otherwise 503 with what is in the way
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route


class HealthServer(uvicorn.Server):
    """Serves the probes on all interfaces at ``port``; ``readiness`` says whether it is ready, and why."""

    def __init__(self, port: int, readiness: Callable[[], tuple[bool, str]]) -> None:
        async def livez(_request: Request) -> PlainTextResponse:
            return PlainTextResponse("ok\n")

        async def readyz(_request: Request) -> PlainTextResponse:
            ready, detail = readiness()
            return PlainTextResponse(f"{detail}\n", status_code=200 if ready else 503)

        probes = Starlette(routes=[Route("/livez", livez), Route("/readyz", readyz)])
        super().__init__(
            uvicorn.Config(
                probes,
                host="0.0.0.0",  # noqa: S104 - the kubelet calls the pod's address
                port=port,
                log_config=None,
                access_log=False,
                lifespan="off",
            )
        )

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave the signals to the worker, which answers probes until it has drained."""
        yield
