"""An executor whose queues were taken over while it was paused goes when it wakes; writing would show elsewhere."""

from collections.abc import Iterator

from chaos.checker.case import Case
from chaos.checker.violations import Kind, Violation


def judge(case: Case) -> Iterator[Violation]:
    """Who did not stand down."""
    for woke in case.awoken:
        if woke.exit_code is None:
            yield Violation(Kind.NOT_FENCED, f"executor {woke.pid} woke at {woke.at:.3f}, was replaced, and stayed")
