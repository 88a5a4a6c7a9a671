"""Who may use the proxy: the browser that was given the key, for pages of the proxy itself, and nobody else.

Every process of this machine reaches the port, and every page in the browser can send requests to it.
"""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final, NamedTuple

API: Final = "/api/v1/"
SESSION: Final = "/session"
_FILES: Final = "/dashboard/"
_READING: Final = frozenset({"GET", "HEAD"})
_CALLING: Final = frozenset({"GET", "POST"})
_OF_FILES: Final = frozenset({"null", "file://"})
"""What browsers say of a page that is a file."""
_OWN_PAGES: Final = frozenset({"same-origin", "none"})
"""What browsers say of a request that a page of the same origin, or the user, makes."""


class Refusal(NamedTuple):
    """Why a request is not passed on."""

    status: HTTPStatus
    code: str
    error: str


def _secret() -> str:
    return secrets.token_urlsafe(32)


@dataclass(frozen=True, slots=True)
class ProxyGuard:
    """Decides about requests to the proxy at ``port``.

    Attributes:
        key: handed to the user's browser; exchanged for the cookie, or typed into the page, which sends it as a token.
        cookie: what the browser shows from then on.
    """

    port: int
    key: str = field(default_factory=_secret, repr=False)
    cookie: str = field(default_factory=_secret, repr=False)

    @property
    def cookie_name(self) -> str:
        """Cookies are shared by all ports of a machine: each proxy has a name of its own."""
        return f"attune-{self.port}"

    def refuse(self, method: str, path: str, headers: Mapping[str, str], cookies: Mapping[str, str]) -> Refusal | None:
        """Why a request is not to be passed on; None where it is. ``headers`` by lower-case names."""
        if foreign := self.foreign(headers):
            return foreign
        if path == "/" or path.startswith(_FILES):
            return None if method in _READING else _not_allowed(method)
        if path.startswith(API):
            return self._refuse_call(method, headers, cookies)
        return Refusal(HTTPStatus.NOT_FOUND, "not_found", "Only the dashboard and the API behind it are here")

    def _refuse_call(self, method: str, headers: Mapping[str, str], cookies: Mapping[str, str]) -> Refusal | None:
        if method not in _CALLING:
            return _not_allowed(method)
        if headers.get("sec-fetch-site", "none") not in _OWN_PAGES:
            return _foreign("The request comes from another page")
        shown = headers.get("authorization", "").removeprefix("Bearer ")
        if _same(cookies.get(self.cookie_name, ""), self.cookie) or _same(shown, self.key):
            return None
        return Refusal(
            HTTPStatus.UNAUTHORIZED,
            "unauthenticated",
            "This is the proxy of `attune dashboard`: give the key that it printed, or open the file that it named",
        )

    def foreign(self, headers: Mapping[str, str], *, from_file: bool = False) -> Refusal | None:
        """Why a request is not for this proxy from a page of it; ``from_file`` where it may come from a local file."""
        host = headers.get("host", "")
        if host not in {f"127.0.0.1:{self.port}", f"localhost:{self.port}"}:
            # Another name that was made to point here would be another site's.
            return _foreign(f"The request is for {host!r}, which is not this proxy")
        origin = headers.get("origin")
        if origin in {None, f"http://{host}"} or (from_file and origin in _OF_FILES):
            return None
        return _foreign(f"The request comes from a page of {origin!r}")

    def knows(self, key: str) -> bool:
        """Whether this is the key."""
        return _same(key, self.key)


def _same(given: str, expected: str) -> bool:
    # Bytes that are no text arrive as surrogates.
    return hmac.compare_digest(given.encode(errors="surrogateescape"), expected.encode())


def _foreign(error: str) -> Refusal:
    return Refusal(HTTPStatus.FORBIDDEN, "foreign_request", error)


def _not_allowed(method: str) -> Refusal:
    return Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", f"{method} is not passed on")
