"""The API's global rate limit: holds a spike of submissions back at the door, before anything is read or stored.

Of this process alone, and in memory: it protects the executor; a policy's rate limit protects what an action calls.
"""

import math
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Final, NamedTuple

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from attune_executor.api.errors import ApiError

_MINUTE: Final = 60.0
_SECONDS_BETWEEN_LINES: Final = 10.0
_ROUNDING: Final = 1e-6  # of a sum of floats: well below any spacing of requests

_log: Final = structlog.get_logger("attune.api")


class Admission(NamedTuple):
    """Whether a request is taken. ``wait_seconds`` is 0 where it is; else how long until one would be."""

    wait_seconds: float
    booked_until: float


def admit(per_minute: int, booked_until: float, now: float) -> Admission:
    """Decide on one request: the generic cell rate algorithm, with a minute's worth of requests as its burst.

    Args:
        per_minute: requests that may come at once, and that are let in evenly over a minute afterwards.
        booked_until: the ``booked_until`` of the last decision: when all that was taken is paid for; 0 at first.
        now: seconds on the same clock.
    """
    spacing = _MINUTE / per_minute
    booked = max(booked_until, now) + spacing
    early = booked - now - _MINUTE
    return Admission(early, booked_until) if early > _ROUNDING else Admission(0, booked)


class SubmissionLimit:
    """The limit in force, and how much of it is used.

    Attributes:
        per_minute: requests a minute, None for no limit; may be changed at any time.
    """

    def __init__(self, per_minute: int | None, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_minute = per_minute
        self._clock = clock
        self._booked_until = 0.0
        self._refused = 0
        self._next_line = 0.0

    def check(self) -> None:
        """Count a request.

        Raises:
            ApiError: 429, with Retry-After.
        """
        if self.per_minute is None:
            return
        now = self._clock()
        wait, self._booked_until = admit(self.per_minute, self._booked_until, now)
        if not wait:
            return
        self._refused += 1
        if now >= self._next_line:
            _log.warning("requests refused by the API's rate limit", count=self._refused, per_minute=self.per_minute)
            self._refused, self._next_line = 0, now + _SECONDS_BETWEEN_LINES
        seconds = math.ceil(wait)
        raise ApiError(
            HTTPStatus.TOO_MANY_REQUESTS,
            "rate_limited",
            f"More than {self.per_minute} requests a minute: come back in {seconds} s, send executions in batches,"
            " or have max_requests_per_minute raised (api.rate_limits.global, or apiRateLimit of the ExecutorConfig)",
            details={"max_requests_per_minute": self.per_minute, "retry_after_seconds": seconds},
            headers={"Retry-After": str(seconds)},
        )


class SubmissionGate:
    """ASGI middleware: has ``limit`` decide on every request that submits executions."""

    def __init__(self, app: ASGIApp, path: str, limit: SubmissionLimit) -> None:
        self._app = app
        self._path = path
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 429."""
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"] == self._path:
            try:
                self._limit.check()
            except ApiError as refusal:
                await refusal.response()(scope, receive, send)
                return
        await self._app(scope, receive, send)
