"""Refuses bodies beyond a size while they arrive, declared length or not, so that none is held whole in memory."""

from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from attune_executor.api.errors import ApiError


class BodyLimit:
    """ASGI middleware: answers 413 when a request's body exceeds ``max_bytes``."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its body counted."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > self._max_bytes:
            await self._too_large().response()(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_bytes:
                raise self._too_large()
            return message

        await self._app(scope, counted, send)

    def _too_large(self) -> ApiError:
        return ApiError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "body_too_large",
            f"The request body is larger than {self._max_bytes} bytes: send fewer executions at a time,"
            " or raise api.max_body_bytes",
            details={"max_body_bytes": self._max_bytes},
            # The rest of the body is on its way: without this the server would read and drop all of it.
            headers={"Connection": "close"},
        )
