"""What is submitted while things are killed: actions with different limits and work times."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True)
class Load:
    """One action and the demand for it.

    Attributes:
        ref: the action, one of `chaos.actions`.
        limit: its concurrency, in each group where it has groups.
        longest_seconds: an execution works for any time up to this.
        weight: its share of the submissions.
        groups: values of the parameter that divides its queue; empty: undivided.
        rate: executions that may start, and the window in seconds; None: any number.
        changing: whether its limit is changed now and then.
    """

    ref: str
    limit: int
    longest_seconds: float
    weight: int
    groups: tuple[str, ...] = ()
    rate: tuple[int, float] | None = None
    changing: bool = False

    def policy(self, max_queue_length: int) -> Mapping[str, Any]:
        """The action's entry under `policies.actions`."""
        policy: dict[str, Any] = {"concurrency_limit": self.limit, "max_queue_length": max_queue_length}
        if self.groups:
            policy["group_by"] = ["group"]
        if self.rate is not None:
            policy["rate_limit"] = {"max_executions": self.rate[0], "window_seconds": self.rate[1]}
        return policy


WORKLOAD: Final = (
    Load("chaos.narrow", limit=1, longest_seconds=0.06, weight=3),
    Load("chaos.steady", limit=3, longest_seconds=0.4, weight=2),
    Load("chaos.wide", limit=10, longest_seconds=0.3, weight=5, changing=True),
    Load("chaos.blocking", limit=4, longest_seconds=0.2, weight=2, changing=True),
    Load("chaos.grouped", limit=1, longest_seconds=0.2, weight=3, groups=("red", "green", "blue")),
    Load("chaos.rated", limit=5, longest_seconds=0.1, weight=1, rate=(8, 2.0)),
)


def policies(load: Iterable[Load], max_queue_length: int) -> Mapping[str, Mapping[str, Any]]:
    """What a configuration says under `policies.actions`."""
    return {each.ref: each.policy(max_queue_length) for each in load}
