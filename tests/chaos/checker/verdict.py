"""All judgements together."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from chaos.checker import by_hand, conservation, fencing, order, overlap, rate, reruns
from chaos.checker.case import Case
from chaos.checker.overlap import Occupation
from chaos.checker.reruns import Reruns
from chaos.checker.violations import Kind, Violation
from chaos.final import Final
from chaos.history import History


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found, and how much there was to look at."""

    violations: tuple[Violation, ...]
    accepted: int
    runs: int
    statuses: dict[str, int]
    reruns: Reruns
    occupations: dict[str, Occupation]
    blows: dict[str, int]
    torn: int

    @property
    def good(self) -> bool:
        """Whether every guarantee was kept."""
        return not self.violations

    def by_kind(self) -> dict[str, int]:
        """Violations counted, kinds without any included."""
        found = Counter(violation.kind for violation in self.violations)
        return {kind.value: found[kind] for kind in Kind}

    def document(self) -> dict[str, Any]:
        """The verdict as JSON has it."""
        return {
            "good": self.good,
            "violations": self.by_kind(),
            "accepted": self.accepted,
            "statuses": self.statuses,
            "runs": self.runs,
            "reruns": {
                "total": self.reruns.total,
                "by_last_disturbance": dict(self.reruns.by_cause),
                "overlapping_self": self.reruns.overlapping_self,
                "after_end": self.reruns.after_end,
            },
            "actions": {
                action: {"limit": each.limit, "peak": each.peak, "peak_with_stale_runs": each.peak_with_stale}
                for action, each in self.occupations.items()
            },
            "blows": self.blows,
            "torn_lines": self.torn,
        }


def check(history: History, final: Final) -> Verdict:
    """Judge a history by its end."""
    case = Case.of(history, final)
    judges = (
        conservation.judge,
        by_hand.judge,
        order.judge,
        overlap.judge,
        rate.judge,
        reruns.judge,
        fencing.judge,
    )
    return Verdict(
        violations=tuple(violation for judge in judges for violation in judge(case)),
        accepted=len(final.rows),
        runs=sum(map(len, case.runs.values())),
        statuses=dict(Counter(row.status for row in final.rows)),
        reruns=reruns.count(case),
        occupations=overlap.occupations(case),
        blows=dict(sorted(Counter(f"{event.part} {event.blow}" for event in case.disturbances).items())),
        torn=history.torn,
    )
