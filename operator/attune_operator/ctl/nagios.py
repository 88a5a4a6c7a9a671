"""The runbook's Nagios check: its sentences, its thresholds, its exit codes."""

from collections.abc import Sequence
from enum import IntEnum
from typing import Any, Final, NamedTuple

import typer
from typer._click.exceptions import UsageError
from typer.core import TyperCommand

from attune_operator.ctl.output import say
from attune_operator.ctl.queues import Queue
from attune_operator.resources import ConditionStatus

WARN_THRESHOLD: Final = 100
CRIT_THRESHOLD: Final = 500
"""Waiting executions of one action, the runbook's."""


class State(IntEnum):
    """Exit codes of a monitoring plugin."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


class NagiosCommand(TyperCommand):
    """A command with Nagios' exit codes: 2 is CRITICAL there, so a wrong command line ends with 3, UNKNOWN."""

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        """Parse the command line."""
        try:
            return super().make_context(*arguments, **options)
        except UsageError as error:
            say(f"UNKNOWN: {error.format_message()}")
            raise typer.Exit(State.UNKNOWN) from error


class Verdict(NamedTuple):
    """What the check says."""

    state: State
    text: str


def check_queues(queues: Sequence[Queue], problem: str | None, warning: int, critical: int) -> Verdict:
    """Judge the longest queue.

    Figures that may be old are never a reason for OK: a dead operator must not look like an idle one.

    Args:
        queues: all that are watched.
        problem: why no figure can be trusted; None where they can.
        warning: waiting executions from which on it is a warning.
        critical: the same for critical.
    """
    longest = max((queue.queue_length or 0 for queue in queues), default=0)
    if longest >= critical:
        return Verdict(State.CRITICAL, f"CRITICAL: Max queue depth {longest} >= {critical}")
    if problem := problem or _unsure(queues):
        return Verdict(State.UNKNOWN, f"UNKNOWN: {problem}")
    if longest >= warning:
        return Verdict(State.WARNING, f"WARNING: Max queue depth {longest} >= {warning}")
    return Verdict(State.OK, f"OK: Max queue depth {longest}")


def _unsure(queues: Sequence[Queue]) -> str | None:
    old = [queue for queue in queues if queue.queue_length is None or queue.ready == ConditionStatus.UNKNOWN]
    return f"the operator has no figures of {', '.join(queue.action for queue in old)}" if old else None
