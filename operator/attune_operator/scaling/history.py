"""The decisions of the recent past: why there were so many workers an hour ago."""

from collections import Counter, deque
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from attune_operator.resources import ObjectKey
from attune_operator.scaling.decision import Decision

KEPT: Final = 200
"""Decisions that are kept of each Deployment."""


class DecisionHistory:
    """What was decided anew, by Deployment. A decision like the one before it is no news, however long it holds.

    One thread notes and any thread reads: what is read is never changed.
    """

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._last: dict[ObjectKey, tuple[int, str]] = {}
        self._entries: dict[ObjectKey, tuple[Mapping[str, Any], ...]] = {}
        self._counted = Counter[tuple[ObjectKey, str]]()
        self.current: Mapping[ObjectKey, Decision] = {}
        """The decisions that hold, of all Deployments that are scaled; to be replaced, never changed."""

    def note(self, decisions: Mapping[ObjectKey, Decision], now: float) -> None:
        """Take in the decisions of one pass, at ``now`` (Unix seconds)."""
        for key, decision in decisions.items():
            news = decision.desired, decision.reason.value
            if self._last.get(key) != news:
                self._last[key] = news
                self._counted[key, decision.reason.value] += 1
                entries = deque(self._entries.get(key, ()), maxlen=self._kept)
                entries.append(_entry(key, decision, now))
                self._entries[key] = tuple(entries)

    def counted(self) -> Mapping[tuple[ObjectKey, str], int]:
        """How often something was decided anew, by Deployment and reason."""
        return self._counted.copy()

    def newest_first(self, namespace: str | None, deployment: str | None) -> list[Mapping[str, Any]]:
        """Entries of the Deployments that are asked for, as JSON shows them: ``time`` in UTC, and the ledger."""
        found = [
            entry
            for key, entries in self._entries.copy().items()
            if namespace in {None, key.namespace} and deployment in {None, key.name}
            for entry in reversed(entries)
        ]
        return sorted(found, key=lambda entry: str(entry["time"]), reverse=True)

    def latest(self) -> list[Mapping[str, Any]]:
        """The newest entry of each Deployment that is scaled now."""
        return [entries[-1] for key, entries in self._entries.copy().items() if key in self.current]


def _entry(key: ObjectKey, decision: Decision, now: float) -> Mapping[str, Any]:
    return {
        "time": datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds"),
        "namespace": key.namespace,
        "deployment": key.name,
        "desired": decision.desired,
        "applied": decision.apply,
        "reason": decision.reason.value,
        "message": decision.message,
        "ledger": decision.ledger.model_dump(mode="json", by_alias=True) if decision.ledger else None,
    }
