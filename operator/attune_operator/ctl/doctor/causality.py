"""Causes before consequences: one fault gives one finding, and what follows from it is listed under that."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from attune_operator.ctl.doctor.catalogue import CHECKS
from attune_operator.ctl.doctor.finding import Finding, Severity

_ORDER: Final = {name: place for place, name in enumerate(CHECKS)}


def arranged(findings: Iterable[Finding]) -> list[Finding]:
    """The causes, the most urgent first, each with what follows from it; a notice is never a consequence."""
    found = sorted(findings, key=lambda each: _ORDER[each.id])
    roots: dict[int, list[Finding]] = {}
    for index, finding in enumerate(found):
        root = index
        # Explained by something that is itself explained: under the first of the chain.
        while (cause := _cause(found, root)) is not None:
            root = cause
        roots.setdefault(root, []).extend([finding] if root != index else [])
    arranged = [
        replace(found[root], consequences=tuple(each.what for each in following)) for root, following in roots.items()
    ]
    return sorted(arranged, key=lambda each: (-each.severity, _ORDER[each.id]))


def _cause(found: list[Finding], index: int) -> int | None:
    finding = found[index]
    if finding.severity is Severity.NOTICE:
        return None
    causes = CHECKS[finding.id].explained_by
    return next(
        (
            other
            for other, candidate in enumerate(found)
            if other != index
            and candidate.id in causes
            and candidate.severity is not Severity.NOTICE
            and _concerns(candidate, finding)
        ),
        None,
    )


def _concerns(cause: Finding, effect: Finding) -> bool:
    if cause.policies is None:
        # Whatever all queues need explains them where it is really gone, not where a part of it is ill.
        return cause.severity is Severity.CRITICAL or effect.policies is None
    return effect.policies is not None and bool(cause.policies & effect.policies)
