"""What the operator has seen of one kind of objects: filled by watch events and lists, read by every pass.

Events and lists come from different connections and threads, so that an older one may arrive after a newer one. The
resource version tells them apart: it grows with every change to any object of the kind.
"""

import threading
from collections.abc import Iterable
from typing import Generic, Protocol, TypeVar

from attune_operator.resources import Metadata, ObjectKey


class Resource(Protocol):
    """An object with metadata."""

    @property
    def metadata(self) -> Metadata:
        """Name and version."""
        ...


R = TypeVar("R", bound=Resource)


class ResourceView(Generic[R]):
    """The newest known state of the objects of one kind, by namespace and name. Safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._objects: dict[ObjectKey, R] = {}
        self._deleted: dict[ObjectKey, int] = {}

    def objects(self) -> dict[ObjectKey, R]:
        """The objects by namespace and name, as a copy."""
        with self._lock:
            return dict(self._objects)

    def observe(self, seen: R) -> R | None:
        """Take in an object that exists; returns what was known of it before."""
        key = seen.metadata.key
        with self._lock:
            known = self._objects.get(key)
            self._keep_newest(key, seen)
            return known

    def forget(self, gone: R) -> None:
        """Take in the deletion of an object."""
        key, version = gone.metadata.key, _version(gone)
        with self._lock:
            known = self._objects.get(key)
            if known is None or _version(known) <= version:
                self._objects.pop(key, None)
                self._deleted[key] = version

    def replace(self, listed: Iterable[R], resource_version: str, namespace: str | None = None) -> None:
        """Take in a complete list of a namespace, or of all; keeps what is known to have happened after it."""
        at = int(resource_version)
        present = {item.metadata.key: item for item in listed}
        with self._lock:
            for key, item in present.items():
                self._keep_newest(key, item)
            for key in [key for key, known in self._objects.items() if _version(known) <= at]:
                if key not in present and namespace in {None, key.namespace}:
                    del self._objects[key]
            # Another namespace's deletions are still needed against a list of that one that is on its way.
            self._deleted = {
                key: version
                for key, version in self._deleted.items()
                if version > at or namespace not in {None, key.namespace}
            }

    def _keep_newest(self, key: ObjectKey, seen: R) -> None:
        known = self._objects.get(key)
        newest = self._deleted.get(key, 0) if known is None else _version(known)
        if _version(seen) > newest:
            self._objects[key] = seen


def _version(item: Resource) -> int:
    return int(item.metadata.resource_version)
