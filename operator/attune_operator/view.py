"""What the operator has seen of one kind of objects: filled by watch events and lists, read by every pass.

Events and lists come from different connections and threads, so that an older one may arrive after a newer one. The
resource version tells them apart: it grows with every change to any object of the kind.
"""

import threading
from collections.abc import Iterable
from typing import Generic, Protocol, TypeVar

from attune_operator.resources import Metadata


class Resource(Protocol):
    """An object with metadata."""

    @property
    def metadata(self) -> Metadata:
        """Name and version."""
        ...


R = TypeVar("R", bound=Resource)


class ResourceView(Generic[R]):
    """The newest known state of the objects of one kind in one namespace, by name. Safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._objects: dict[str, R] = {}
        self._deleted: dict[str, int] = {}

    def objects(self) -> dict[str, R]:
        """The objects by name, as a copy."""
        with self._lock:
            return dict(self._objects)

    def observe(self, seen: R) -> R | None:
        """Take in an object that exists; returns what was known of it before."""
        name = seen.metadata.name
        with self._lock:
            known = self._objects.get(name)
            newest = self._deleted.get(name, 0) if known is None else _version(known)
            if _version(seen) > newest:
                self._objects[name] = seen
            return known

    def forget(self, gone: R) -> None:
        """Take in the deletion of an object."""
        name, version = gone.metadata.name, _version(gone)
        with self._lock:
            known = self._objects.get(name)
            if known is None or _version(known) <= version:
                self._objects.pop(name, None)
                self._deleted[name] = version

    def replace(self, listed: Iterable[R], resource_version: str) -> None:
        """Take in a complete list, keeping what is known to have happened after it."""
        at = int(resource_version)
        present = {item.metadata.name: item for item in listed}
        with self._lock:
            for name, item in present.items():
                known = self._objects.get(name)
                newest = self._deleted.get(name, 0) if known is None else _version(known)
                if _version(item) > newest:
                    self._objects[name] = item
            for name in [name for name, known in self._objects.items() if _version(known) <= at]:
                if name not in present:
                    del self._objects[name]
            self._deleted = {name: version for name, version in self._deleted.items() if version > at}


def _version(item: Resource) -> int:
    return int(item.metadata.resource_version)
