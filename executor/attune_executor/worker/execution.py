"""An execution as a worker has it, and the messages that brought it."""

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TypeAlias

from attune_executor.domain.records import Finished
from attune_executor.ports.broker import DeliveryMark
from attune_executor.wire.dispatches import Assignment
from attune_executor.wire.envelope import Origin

Key: TypeAlias = tuple[int, int]
"""Execution id and attempt: what is run once."""


class State(Enum):
    """Where an execution stands."""

    WAITING = auto()
    RUNNING = auto()
    REPLACED = auto()
    """It runs, and is being stopped in favour of a later attempt; nothing is reported of it."""
    FINISHED = auto()
    """It has a completion."""
    SENT = auto()
    """Its completion is on its way and not confirmed yet."""
    CONFIRMED = auto()


@dataclass(eq=False, slots=True)
class Delivery:
    """A message that is not acknowledged; ``begun`` once any of its executions has started or is given up."""

    mark: DeliveryMark
    executions: list["Execution"] = field(default_factory=list["Execution"])
    unsent: int = 0
    """Its executions whose completions are not on their way."""
    begun: bool = False


@dataclass(eq=False, slots=True)
class Execution:
    """One execution that this worker was given; ``origin`` is the message that first brought it.

    ``replaces`` is an earlier attempt that may still be stopping when this one is to begin.
    """

    assignment: Assignment
    origin: Origin
    completion: Finished | None = None
    state: State = State.WAITING
    replaces: "Execution | None" = None
    deliveries: list[Delivery] = field(default_factory=list[Delivery])
    key: Key = field(init=False)
    """What identifies it."""

    def __post_init__(self) -> None:
        self.key = self.assignment[:2]
