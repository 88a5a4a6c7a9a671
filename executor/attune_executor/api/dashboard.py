"""The dashboard's files at ``/``: open to everybody, since they hold nothing but the page. What it shows needs a token.

All of it is in this package, so that it works without internet; the policy below keeps the browser from loading or
sending anything anywhere else, whatever the names and results are that the page shows.
"""

import hashlib
from importlib.resources import files
from typing import Final

from fastapi import APIRouter, Request, Response

_FOLDER: Final = "/dashboard"
_HTML: Final = "text/html; charset=utf-8"
_CSS: Final = "text/css; charset=utf-8"
_SCRIPT: Final = "text/javascript; charset=utf-8"
PAGES: Final = {
    "/": ("index.html", _HTML),
    **{f"{_FOLDER}/{name}": (name, _CSS) for name in ("style.css",)},
    **{
        f"{_FOLDER}/{name}": (name, _SCRIPT)
        for name in (
            "app.js",
            "calls.js",
            "dialogs.js",
            "format.js",
            "model.js",
            "overview.js",
            "parts.js",
            "queue.js",
            "store.js",
            "stream.js",
            "theme.js",
            "vendor/htm-preact-3.1.1.js",
        )
    },
}
"""File and media type by path."""
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Asked for again each time, and answered 304 unless the executor is another version.
    "Cache-Control": "no-cache",
}


def dashboard_router() -> APIRouter:
    """``/`` and what it loads."""
    router = APIRouter(include_in_schema=False)
    for path, (name, media_type) in PAGES.items():
        router.add_api_route(path, _File(name, media_type), methods=["GET", "HEAD"])
    return router


class _File:
    """Answers with one file, read once."""

    def __init__(self, name: str, media_type: str) -> None:
        self._content = (files("attune_executor") / "dashboard" / name).read_bytes()
        self._headers = {**_HEADERS, "ETag": f'"{hashlib.sha256(self._content).hexdigest()[:32]}"'}
        self._media_type = media_type

    async def __call__(self, request: Request) -> Response:
        known = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
        if self._headers["ETag"] in known:
            return Response(status_code=304, headers=self._headers)
        return Response(self._content, headers=self._headers, media_type=self._media_type)
