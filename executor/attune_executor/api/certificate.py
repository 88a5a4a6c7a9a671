"""The API's certificate, which is another one after a while: read again when its files change, without a restart."""

import asyncio
import contextlib
import ssl
from pathlib import Path
from typing import Final, Protocol

import structlog

_LOOK_SECONDS: Final = 1.0

_log: Final = structlog.get_logger("attune.api")


class CertificateError(OSError):
    """Certificate and key cannot be read, or do not belong together; the message names the files."""


class CertificateFiles(Protocol):
    """Where they are."""

    @property
    def certificate_file(self) -> Path:
        """The certificate, followed by those in between it and its authority, as PEM."""
        ...

    @property
    def key_file(self) -> Path:
        """Its private key, as PEM."""
        ...


class ServedCertificate:
    """A TLS context whose certificate follows its files. Connections that are open keep the one they began with.

    Attributes:
        context: to serve with.

    Raises:
        CertificateError: there is nothing to begin with.
    """

    def __init__(self, files: CertificateFiles) -> None:
        self._files = files
        self._read = self._stamp()
        self.context = _context()
        self._load()

    async def follow(self) -> None:
        """Look at the files from time to time; never returns. What cannot be read is said once and tried again."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            stamp = self._stamp()
            if stamp == self._read:
                continue
            try:
                await asyncio.to_thread(self._load)
            except CertificateError as error:
                _log.error("certificate refused, the one before is served on", reason=str(error))
            else:
                _log.info("certificate read again", file=str(self._files.certificate_file))
            self._read = stamp

    def _load(self) -> None:
        try:
            # Tried apart first: a half of a pair that does not fit would spoil the context that serves.
            for context in (_context(), self.context):
                context.load_cert_chain(self._files.certificate_file, self._files.key_file)
        except (OSError, ValueError) as error:
            files = f"{self._files.certificate_file} and {self._files.key_file}"
            raise CertificateError(f"api.tls: cannot use {files}: {error}") from error

    def _stamp(self) -> list[tuple[int, int, int] | None]:
        """Different when one of the files is."""
        stamps: list[tuple[int, int, int] | None] = []
        for file in (self._files.certificate_file, self._files.key_file):
            found = None
            with contextlib.suppress(OSError):
                found = file.stat()
            stamps.append(None if found is None else (found.st_ino, found.st_mtime_ns, found.st_size))
        return stamps


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
