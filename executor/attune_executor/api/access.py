"""Nobody gets past here unknown: who calls is found out before anything of a request is read.

What they may do is asked by the routes, which know the action: ``Guard.require``. A path that is open to everybody is
named here, so that a route that is forgotten is closed to all who cannot say who they are.
"""

import asyncio
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Final, TypeVar

import structlog
from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from attune_executor.api.dashboard import PAGES
from attune_executor.api.errors import ApiError, unavailable
from attune_executor.ports.authorization import AuthorizationUnavailableError, Authorizer, Caller, Verb

OPEN_PATHS: Final = frozenset({"/livez", "/readyz", "/openapi.json", *PAGES})
"""What a kubelet asks, which has no credentials, what describes the API, and the dashboard without any figures: neither
is a secret."""
_CALLER: Final = "attune.caller"
_SCHEME: Final = "bearer"
_LONGEST_TOKEN: Final = 16 * 1024
_EACH: Final = 32
"""Actions of one request that are asked about at once. A request may name a thousand: whoever may do it to every action
is asked about that first, and nobody's thousand questions keep others from being answered."""

_Answer = TypeVar("_Answer")
_log: Final = structlog.get_logger("attune.api")


class AuthenticationGate:
    """ASGI middleware: answers 401 unless the authorizer knows who calls."""

    def __init__(self, app: ASGIApp, authorizer: Authorizer) -> None:
        self._app = app
        self._authorizer = authorizer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its caller."""
        if scope["type"] == "http" and scope["path"] not in OPEN_PATHS:
            try:
                scope[_CALLER] = await self._identify(HTTPConnection(scope))
            except ApiError as refusal:
                await refusal.response()(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _identify(self, request: HTTPConnection) -> Caller:
        token = _bearer_token(request.headers.get("authorization"))
        caller = await _answer(self._authorizer.authenticate(token))
        if caller is None:
            problem = "no bearer token" if token is None else "a token that is not valid, or not any more"
            raise ApiError(
                HTTPStatus.UNAUTHORIZED,
                "unauthenticated",
                f"The request has {problem}: send a valid one as `Authorization: Bearer TOKEN`",
                # The rest of the body is on its way: nobody unknown gets it read.
                headers={"WWW-Authenticate": 'Bearer realm="attune"', "Connection": "close"},
            )
        return caller


class Guard:
    """Asks the authorizer what the caller of a request may do; raises ApiError 503 where that cannot be found out."""

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    async def require(self, request: Request, verb: Verb, action_refs: Iterable[str | None]) -> None:
        """Return where the caller may do it to all these actions; None stands for every action.

        Raises:
            ApiError: 403, naming an action that is forbidden.
        """
        caller = _caller(request)
        refs = list(dict.fromkeys(action_refs))
        if len(refs) > _EACH and await _answer(self._authorizer.may(caller, verb, None)):
            return
        for chunk in (refs[at : at + _EACH] for at in range(0, len(refs), _EACH)):
            await self._require_each(caller, verb, chunk)

    async def _require_each(self, caller: Caller, verb: Verb, refs: Sequence[str | None]) -> None:
        answers = await asyncio.gather(*(_answer(self._authorizer.may(caller, verb, ref)) for ref in refs))
        for ref, allowed in zip(refs, answers, strict=True):
            if not allowed:
                what = "every action" if ref is None else f"action {ref!r}"
                details = {"verb": verb.value} if ref is None else {"verb": verb.value, "action_ref": ref}
                raise _forbidden(caller, f"{verb} executions of {what}", details)

    async def permitted(self, request: Request, action_ref: str | None) -> tuple[str, Sequence[Verb]]:
        """Who calls, and what they may do to the executions of an action; of every action, where it is None."""
        caller = _caller(request)
        answers = await asyncio.gather(*(_answer(self._authorizer.may(caller, verb, action_ref)) for verb in Verb))
        return caller.name, [verb for verb, allowed in zip(Verb, answers, strict=True) if allowed]

    async def require_metrics(self, request: Request) -> None:
        """Return where the caller may read the metrics.

        Raises:
            ApiError: 403.
        """
        caller = _caller(request)
        if not await _answer(self._authorizer.may_read_metrics(caller)):
            raise _forbidden(caller, "get /metrics", {"verb": "get"})


async def _answer(question: Awaitable[_Answer]) -> _Answer:
    try:
        return await question
    except AuthorizationUnavailableError as error:
        raise unavailable(str(error)) from error


def _caller(request: Request) -> Caller:
    caller = request.scope.get(_CALLER)
    if not isinstance(caller, Caller):
        raise TypeError(f"{request.url.path} is open to everybody, and asks who calls")
    return caller


def _forbidden(caller: Caller, what: str, details: Mapping[str, str]) -> ApiError:
    _log.info("request forbidden", caller=caller.name, **details)
    return ApiError(
        HTTPStatus.FORBIDDEN,
        "forbidden",
        f"{caller.name!r} may not {what}: ask whoever grants the permissions",
        details=details,
    )


def _bearer_token(header: str | None) -> str | None:
    scheme, _, token = (header or "").partition(" ")
    token = token.strip()
    return token if scheme.lower() == _SCHEME and 0 < len(token) <= _LONGEST_TOKEN else None
