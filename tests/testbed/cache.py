"""The user's cache, where everything lives that takes long to make: built once, kept outside the tree.

A build is made in a folder of its own and moved into place when complete, so that one that was interrupted leaves
nothing that looks finished. Its name carries the version and a digest of all that went into it.
"""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path


def cache_root() -> Path:
    """Return this project's folder in the user's cache, which need not exist yet."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "attune"


def digest(parts: Iterable[bytes]) -> str:
    """Return a short digest of `parts`, in which the boundaries between parts count."""
    total = hashlib.sha256()
    for part in parts:
        total.update(len(part).to_bytes(8, "big"))
        total.update(part)
    return total.hexdigest()[:12]


def folder_digest(folder: Path, *, flags: Iterable[str] = ()) -> str:
    """Return a digest of the names and contents of a folder's files and of `flags`."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    contents = [part for path in files for part in (str(path.relative_to(folder)).encode(), path.read_bytes())]
    return digest([*contents, *(flag.encode() for flag in flags)])


@dataclass(frozen=True)
class Build:
    """Something in the cache: what it is, its version, and the digest of what it is made from."""

    name: str
    version: str
    inputs: str

    @property
    def folder(self) -> Path:
        """Where it is when it has been made."""
        return cache_root() / f"{self.name}-{self.version}-{self.inputs}"

    def ensure(self, make: Callable[[Path], None]) -> Path:
        """Return the folder, calling `make` with an empty one to fill when there is none yet.

        Others who want the same build at the same time wait for it. What `make` raises passes on, and nothing is kept.
        """
        if self.folder.is_dir():
            return self.folder
        cache_root().mkdir(parents=True, exist_ok=True)
        with (cache_root() / f".{self.name}.lock").open("w") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            if not self.folder.is_dir():
                self._make(make)
        return self.folder

    def _make(self, make: Callable[[Path], None]) -> None:
        prefix = f".building-{self.name}-"
        for interrupted in cache_root().glob(f"{prefix}*"):
            shutil.rmtree(interrupted)
        unfinished = Path(tempfile.mkdtemp(prefix=prefix, dir=cache_root()))
        try:
            make(unfinished)
            unfinished.chmod(0o755)
            unfinished.rename(self.folder)
        except BaseException:
            shutil.rmtree(unfinished)
            raise
