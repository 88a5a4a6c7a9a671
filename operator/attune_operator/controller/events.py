"""Tells transitions as Kubernetes Events: for `kubectl describe`, and for who collects them."""

from collections.abc import Iterable
from datetime import UTC, datetime
from time import monotonic
from typing import Any, Final

import structlog

from attune_operator.cluster import Cluster, ClusterError, NotFoundError
from attune_operator.controller.event_book import Entry, EventBook
from attune_operator.resources import Metadata
from attune_operator.resources.policy import GROUP, VERSION
from attune_operator.status import Transition

_log = structlog.get_logger("attune.events")

REPORTING_CONTROLLER: Final = f"{GROUP}/operator"
_LONGEST_NOTE: Final = 1024
_LONGEST_INSTANCE: Final = 128


class EventRecorder:
    """Writes Events; one that cannot be written is logged and missed, since nothing depends on it.

    Args:
        instance: the replica that tells, as `reportingInstance`.
    """

    def __init__(self, cluster: Cluster, instance: str) -> None:
        self._cluster = cluster
        self._instance = instance[:_LONGEST_INSTANCE]
        self._book = EventBook()

    async def record(self, kind: str, about: Metadata, transitions: Iterable[Transition]) -> None:
        """Tell what happened to an object."""
        for transition in transitions:
            entry = self._book.enter(about.uid, about.name, transition, monotonic())
            if entry is None:
                _log.debug("an Event was left out: the object has had too many", kind=kind, name=str(about.key))
                continue
            try:
                await self._write(kind, about, transition, entry)
            except NotFoundError:
                self._book.strike(about.uid, transition)
            except ClusterError as error:
                self._book.strike(about.uid, transition)
                _log.warning("an Event was not written", kind=kind, name=str(about.key), error=str(error))

    def forget(self) -> None:
        """Forget what is too long ago to matter."""
        self._book.forget(monotonic())

    async def _write(self, kind: str, about: Metadata, transition: Transition, entry: Entry) -> None:
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
        if entry.count > 1:
            series = {"series": {"count": entry.count, "lastObservedTime": now}}
            await self._cluster.patch_event(about.namespace, entry.name, series)
            return
        event: dict[str, Any] = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": entry.name, "namespace": about.namespace},
            "eventTime": now,
            "type": transition.severity,
            "reason": transition.reason,
            "action": transition.action,
            "note": transition.note[:_LONGEST_NOTE],
            "regarding": {
                "apiVersion": f"{GROUP}/{VERSION}",
                "kind": kind,
                "namespace": about.namespace,
                "name": about.name,
                "uid": about.uid,
            },
            "reportingController": REPORTING_CONTROLLER,
            "reportingInstance": self._instance,
        }
        await self._cluster.create_event(about.namespace, event)
