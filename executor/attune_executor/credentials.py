"""Where a server is and how to log in there, put together anew for every connection: files may have changed since."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

ServerUrl: TypeAlias = str | Callable[[], str]
"""A URL with the credentials; never shown. Where it is called for, it raises CredentialsError."""


class CredentialsError(OSError):
    """A file that credentials are in cannot be read; the message names the setting and the file."""


def current(url: ServerUrl) -> str:
    """The URL as it is now.

    Raises:
        CredentialsError: a file that belongs to it cannot be read.
    """
    return url if isinstance(url, str) else url()


def read_secret(file: Path, key: str) -> str:
    """What a file of one line says; ``key`` is the setting that names the file.

    Raises:
        CredentialsError: it cannot be read, or is empty.
    """
    try:
        text = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise CredentialsError(f"{key}: cannot read {file}: {reason}") from error
    if not text:
        raise CredentialsError(f"{key}: {file} is empty")
    return text


def with_password(url: str, password: str) -> str:
    """The URL with this password, whatever characters it has, instead of its own."""
    parts = urlsplit(url)
    userinfo, _, hosts = parts.netloc.rpartition("@")
    user = userinfo.partition(":")[0]
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(password, safe='')}@{hosts}"))


def with_options(url: str, options: Mapping[str, str]) -> str:
    """The URL with these options at the end, where it does not have them itself."""
    parts = urlsplit(url)
    present = {option.partition("=")[0] for option in parts.query.split("&")}
    missing = {name: value for name, value in options.items() if name not in present}
    added = urlencode(missing, quote_via=quote, safe="/")
    return urlunsplit(parts._replace(query="&".join(part for part in (parts.query, added) if part)))
