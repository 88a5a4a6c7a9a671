"""`core.http.get` and `core.http.request`: speak to a web server."""

import ssl
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

import httpx
import orjson
from pydantic import Field, JsonValue

from attune_executor.worker.registry import ActionError, action

MAX_BODY_BYTES: Final = 512 * 1024

_Url: TypeAlias = Annotated[str, Field(pattern=r"^https?://")]
_Timeout: TypeAlias = Annotated[float, Field(gt=0, le=3600)]


@action("core.http.get")
async def http_get(
    url: _Url, headers: dict[str, str] | None = None, timeout_seconds: _Timeout = 30, ca_file: str | None = None
) -> dict[str, Any]:
    """Fetch ``url``, following redirects; fails for a status of 400 and above.

    ``timeout_seconds`` bounds connecting and each pause between two pieces of the answer. ``ca_file`` names the
    certificates to trust instead of the usual ones.
    """
    client = httpx.AsyncClient(verify=trust(ca_file), timeout=timeout_seconds, follow_redirects=True)
    return await _exchange(client, "GET", url, headers, None, timeout_seconds)


@action("core.http.request")
async def http_request(
    url: _Url,
    method: Annotated[str, Field(pattern=r"^[A-Za-z]{1,20}$")] = "POST",
    headers: dict[str, str] | None = None,
    body: str | None = None,
    json: JsonValue = None,
    timeout_seconds: _Timeout = 30,
    ca_file: str | None = None,
) -> dict[str, Any]:
    """Send ``body`` as it is, or ``json`` as JSON; fails for a status of 400 and above. Redirects are not followed.

    Where the answer is JSON its value is in ``json`` beside ``body``. The timeout and ``ca_file`` are those of
    core.http.get.
    """
    if body is not None and json is not None:
        raise ActionError("core.http.request takes either body or json: give one of them")
    content = body.encode("utf-8", "replace") if body is not None else None
    if json is not None:
        content = orjson.dumps(json)
        named = {name.lower() for name in headers or {}}
        headers = {**({} if "content-type" in named else {"content-type": "application/json"}), **(headers or {})}
    client = httpx.AsyncClient(verify=trust(ca_file), timeout=timeout_seconds)
    answer = await _exchange(client, method.upper(), url, headers, content, timeout_seconds)
    if answer["body"] and "json" in answer["headers"].get("content-type", ""):
        try:
            answer["json"] = orjson.loads(answer["body"])
        except orjson.JSONDecodeError as error:
            raise ActionError(f"{method.upper()} {url}: the answer says that it is JSON: {error}", **answer) from error
    return answer


async def _exchange(
    client: httpx.AsyncClient,
    method: str,
    url: str,
    headers: dict[str, str] | None,
    content: bytes | None,
    timeout_seconds: float,
) -> dict[str, Any]:
    try:
        async with client, client.stream(method, url, headers=headers, content=content) as response:
            body = await _read(response)
    except httpx.TimeoutException as error:
        raise ActionError(f"{method} {url}: nothing came for {timeout_seconds:g} s; raise timeout_seconds?") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ActionError(f"{method} {url}: {type(error).__name__}: {error}") from error
    answer = {"status_code": response.status_code, "headers": dict(response.headers), "body": body}
    if response.is_error:
        raise ActionError(f"{method} {url}: HTTP {response.status_code} {response.reason_phrase}", **answer)
    return answer


async def _read(response: httpx.Response) -> str:
    body = bytearray()
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            request = response.request
            raise ActionError(f"{request.method} {request.url}: the answer is longer than {MAX_BODY_BYTES} bytes")
    return body.decode(response.encoding or "utf-8", "replace")


def trust(ca_file: str | None) -> ssl.SSLContext:
    """What to check servers against: the certificates in ``ca_file``, or the usual ones."""
    if ca_file is None:
        return _context(None, 0)
    try:
        return _context(ca_file, Path(ca_file).stat().st_mtime_ns)
    except (OSError, ssl.SSLError) as error:
        raise ActionError(f"ca_file {ca_file}: {error}; name a file of PEM certificates in this worker") from error


@lru_cache(maxsize=16)
def _context(ca_file: str | None, _modified: int) -> ssl.SSLContext:
    # Reading the certificates takes longer than most requests; a file that was renewed is read anew.
    return httpx.create_ssl_context() if ca_file is None else ssl.create_default_context(cafile=ca_file)
