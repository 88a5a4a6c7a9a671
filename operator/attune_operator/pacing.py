"""A pause between two watches of the same objects.

kopf begins the next watch as soon as one has ended, which is right where the API server ends them after minutes. A
proxy or load balancer that ends them at once would be asked hundreds of times in a second.
"""

import asyncio
from time import monotonic
from types import SimpleNamespace
from typing import Final

import aiohttp
import kopf

WATCH_PAUSE_SECONDS: Final = 1.0


class WatchPace:
    """Lets the watches of one kind in one namespace begin ``WATCH_PAUSE_SECONDS`` apart."""

    def __init__(self) -> None:
        self._next = dict[str, float]()

    def pause_seconds(self, path: str, now: float) -> float:
        """How long a watch of ``path``, wanted at ``now`` on a monotonic clock, has to wait; its turn is noted."""
        turn = max(now, self._next.get(path, now))
        self._next[path] = turn + WATCH_PAUSE_SECONDS
        return turn - now


def paced_session(info: kopf.ConnectionInfo) -> kopf.AiohttpSession:
    """The HTTP session that kopf would make of ``info``, with pauses; to be called in kopf's own loop."""
    pace = WatchPace()

    async def wait_for_turn(
        _session: aiohttp.ClientSession, _context: SimpleNamespace, request: aiohttp.TraceRequestStartParams
    ) -> None:
        if "watch" in request.url.query:
            await asyncio.sleep(pace.pause_seconds(request.url.path, monotonic()))

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(wait_for_turn)
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=info.as_ssl_context()),
        headers=info.as_http_headers(),
        proxy=info.proxy_url,
        trust_env=bool(info.trust_env),
        trace_configs=[trace],
    )
    return kopf.AiohttpSession(
        server=info.server, default_namespace=info.default_namespace, priority=info.priority, aiohttp_session=session
    )
