"""`core.http.get`: fetch a URL."""

import ssl
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Final

import httpx
from pydantic import Field

from attune_executor.worker.registry import ActionError, action

MAX_BODY_BYTES: Final = 512 * 1024


@action("core.http.get")
async def http_get(
    url: Annotated[str, Field(pattern=r"^https?://")],
    headers: dict[str, str] | None = None,
    timeout_seconds: Annotated[float, Field(gt=0, le=3600)] = 30,
    ca_file: str | None = None,
) -> dict[str, Any]:
    """Fetch ``url``, following redirects; fails for a status of 400 and above.

    ``timeout_seconds`` bounds connecting and each pause between two pieces of the answer. ``ca_file`` names the
    certificates to trust instead of the usual ones.
    """
    client = httpx.AsyncClient(verify=trust(ca_file), timeout=timeout_seconds, follow_redirects=True)
    try:
        async with client, client.stream("GET", url, headers=headers) as response:
            body = await _read(response)
    except httpx.TimeoutException as error:
        raise ActionError(f"GET {url}: nothing came for {timeout_seconds:g} s; raise timeout_seconds?") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ActionError(f"GET {url}: {type(error).__name__}: {error}") from error
    answer = {"status_code": response.status_code, "headers": dict(response.headers), "body": body}
    if response.is_error:
        raise ActionError(f"GET {url}: HTTP {response.status_code} {response.reason_phrase}", **answer)
    return answer


async def _read(response: httpx.Response) -> str:
    body = bytearray()
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            raise ActionError(f"GET {response.url}: the answer is longer than {MAX_BODY_BYTES} bytes")
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
