"""What is struck, when, and for how long: at random, and the same again for the same seed."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from chaos.history import Part


class Blow(StrEnum):
    """What is done to a part."""

    KILL_EXECUTOR = "kill executor"
    KILL_WORKER = "kill worker"
    KILL_POSTGRES = "kill postgres"
    KILL_RABBITMQ = "kill rabbitmq"
    PAUSE_EXECUTOR = "pause executor"

    @property
    def part(self) -> Part:
        """Who is struck."""
        return Part(self.value.split()[1])


_FIRST: Final = tuple(Blow)
_DECK: Final = (
    *[Blow.KILL_EXECUTOR] * 3,
    *[Blow.KILL_WORKER] * 3,
    *[Blow.KILL_POSTGRES] * 2,
    *[Blow.KILL_RABBITMQ] * 2,
    Blow.PAUSE_EXECUTOR,
)
_TOGETHER: Final = 0.2
_MERCY: Final = 0.75
"""Most strikes find a system that works, or it would lie on the ground all the time, and nothing could go wrong."""
_LONGEST_DOWN_SECONDS: Final = 2.0


@dataclass(frozen=True)
class Strike:
    """Blows that fall at once.

    Attributes:
        merciful: whether they wait until the system has recovered from the ones before, however long that takes.
        wait_seconds: after that, or after the ones before.
        blows: what is struck.
        down_seconds: how long a server then stays down, and how long a paused executor sleeps once it is replaced.
    """

    merciful: bool
    wait_seconds: float
    blows: tuple[Blow, ...]
    down_seconds: float


def strikes(seed: int, mean_gap_seconds: float) -> Iterator[Strike]:
    """Strikes without end: each blow once at first, then decks shuffled, so that a short run has seen everything."""
    chance = random.Random(seed)  # noqa: S311 - to be repeated, not to be unguessable
    hand: list[Blow] = []
    deck = list(_FIRST)
    while True:
        if not hand:
            chance.shuffle(deck)
            hand, deck = deck, list(_DECK)
        blows = [hand.pop()]
        if hand and hand[-1].part is not blows[0].part and chance.random() < _TOGETHER:
            blows.append(hand.pop())
        wait = mean_gap_seconds * chance.uniform(0.25, 1.75)
        yield Strike(chance.random() < _MERCY, wait, tuple(blows), chance.uniform(0, _LONGEST_DOWN_SECONDS))
