"""How large pools of workers are, as executors tell each other and those who watch."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PoolSize:
    """A pool of workers as their heartbeats show it: those that take executions, and those that are about to leave.

    ``slots`` is what the former run at a time together, ``held`` what all of them have.
    """

    workers: int
    draining: int
    slots: int
    held: int


def as_known_best(views: Iterable[Mapping[str, PoolSize]]) -> dict[str, PoolSize]:
    """One view of many, by name: workers answer to every shard alike, and who has heard of most is right."""
    found: dict[str, PoolSize] = {}
    for view in views:
        for name, pool in view.items():
            found[name] = max(pool, found.get(name, pool), key=lambda each: (each.slots, each.workers))
    return found
