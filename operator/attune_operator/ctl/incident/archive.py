"""A tar.gz that grows on disk, has its name once it is whole, and does not exist otherwise."""

import io
import os
import tarfile
import tempfile
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Final, Self

from attune_operator.ctl.errors import CtlError, UsageError

MODE: Final = 0o600
_SPOOL_BYTES: Final = 1 << 20
"""A part up to this size stays in memory until it is written; a longer one goes to a file without a name."""


class Archive:
    """An archive that is being written.

    Attributes:
        sizes: bytes of each part by its name, in the order in which they came.
    """

    def __init__(self, tar: tarfile.TarFile, root: str, now: datetime) -> None:
        self.sizes: dict[str, int] = {}
        self._tar = tar
        self._root = root
        self._time = int(now.timestamp())

    @classmethod
    @contextmanager
    def create(cls, path: Path, now: datetime) -> Generator[Self]:
        """Write beside ``path``, and give it that name when the context ends well; leave nothing when it does not.

        Raises:
            UsageError: the name is taken, or its folder is none.
            CtlError: it cannot be written.
        """
        if path.exists():
            raise UsageError(f"{path} is there already: name another file or a folder by --output")
        try:
            handle, name = tempfile.mkstemp(prefix=f".{path.name}-", suffix=".partial", dir=path.parent)
        except OSError as error:
            raise UsageError(f"cannot write into {path.parent}: {error.strerror}") from error
        partial = Path(name)
        try:
            # mkstemp has made the file for its owner alone; nobody reads it before it has its mode.
            with os.fdopen(handle, "wb") as file, tarfile.open(fileobj=file, mode="w:gz", compresslevel=6) as tar:
                yield cls(tar, path.name.removesuffix(".tar.gz").removesuffix(".tgz"), now)
            partial.chmod(MODE)
            partial.rename(path)
        except OSError as error:
            raise CtlError(f"cannot write {path}: {error}") from error
        finally:
            partial.unlink(missing_ok=True)

    def add(self, name: str, text: str) -> None:
        """Add a text as a file."""
        content = text.encode()
        self._write(name, io.BytesIO(content), len(content))

    async def stream(self, name: str, lines: AsyncIterator[str]) -> int:
        """Add lines as a file, while they come; returns how many. What came before an error is kept."""
        count = 0
        with tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES) as spool:
            try:
                async for line in lines:
                    spool.write(line.encode() + b"\n")
                    count += 1
            finally:
                if count:
                    size = spool.tell()
                    spool.seek(0)
                    self._write(name, spool, size)
        return count

    def _write(self, name: str, content: IO[bytes], size: int) -> None:
        entry = tarfile.TarInfo(f"{self._root}/{name}")
        entry.size, entry.mtime, entry.mode = size, self._time, MODE
        self._tar.addfile(entry, content)
        self.sizes[name] = size
