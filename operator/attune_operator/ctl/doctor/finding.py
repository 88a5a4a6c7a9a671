"""A finding: one fault, by its cause, with what was read and what mends it."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from attune_executor.domain.thresholds import AGE_NOTES, LENGTH_NOTES, STUCK_SECONDS
from attune_operator.ctl.doctor.catalogue import CHECKS
from attune_operator.resources import ActionQueuePolicy


class Severity(IntEnum):
    """How urgent a finding is; a notice is no fault."""

    NOTICE = 0
    WARNING = 1
    CRITICAL = 2


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From when on a queue is a patient; the runbook's "Key Metrics to Track", where its first action begins.

    Attributes:
        stuck_seconds: for which nothing has moved in a queue with work.
        queue_length: waiting executions, above which a queue is long.
        oldest_seconds: that the head of a queue has waited, above which it is late.
    """

    stuck_seconds: int = STUCK_SECONDS
    queue_length: int = LENGTH_NOTES[-1][0]
    oldest_seconds: int = AGE_NOTES[-1][0]


@dataclass(frozen=True, slots=True)
class Remedy:
    """A command, ready to paste, and what it is good for."""

    command: str
    purpose: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault, or something that one should know.

    Attributes:
        id: stable, and one of the catalogue's.
        what: in one line.
        evidence: what was read.
        cause: why it is so, and what that does.
        remedies: the first one first.
        policies: whose queues it concerns, by key; None: all.
        consequences: what else was found and follows from it.
    """

    id: str
    severity: Severity
    what: str
    evidence: tuple[str, ...]
    cause: str
    remedies: tuple[Remedy, ...] = ()
    policies: frozenset[str] | None = None
    consequences: tuple[str, ...] = ()

    @property
    def section(self) -> str:
        """Where the runbook on Kubernetes treats it."""
        return f"docs/runbook.md#{CHECKS[self.id].section}"

    def document(self) -> dict[str, Any]:
        """The finding for scripts."""
        return {
            "id": self.id,
            "severity": self.severity.name.lower(),
            "what": self.what,
            "evidence": list(self.evidence),
            "cause": self.cause,
            "remedies": [{"command": each.command, "purpose": each.purpose} for each in self.remedies],
            "policies": None if self.policies is None else sorted(self.policies),
            "consequences": list(self.consequences),
            "runbook": self.section,
        }


def keys(*policies: ActionQueuePolicy) -> frozenset[str]:
    """Policies as a finding names them."""
    return frozenset(str(policy.metadata.key) for policy in policies)
