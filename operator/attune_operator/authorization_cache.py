"""Answers of the Kubernetes API, kept for a moment: a caller asks a thousand times a second, the API is asked once.

Bounded in number and in time. Who asks while the same question is under way waits for its answer. While nobody answers,
what was answered last may count for some more time, so that an outage of the API is none of the queues.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from attune_executor.ports.authorization import AuthorizationUnavailableError

_RETRY_SECONDS: Final = 3.0
"""Time until a question is asked again that could not be answered, while its last answer counts."""

Question = TypeVar("Question", bound=Hashable)
Answer = TypeVar("Answer")


@dataclass(slots=True)
class _Kept(Generic[Answer]):
    answer: Answer
    fresh_until: float
    counts_until: float


class BriefCache(Generic[Question, Answer]):
    """Keeps answers.

    Args:
        most: answers kept; beyond it the one that was used longest ago goes.
        seconds: how long each is kept, from its answer.
        clock: seconds.
        outage_seconds: how much longer each counts while asking raises AuthorizationUnavailableError.
    """

    def __init__(
        self,
        most: int,
        seconds: Callable[[Answer], float],
        clock: Callable[[], float] = time.monotonic,
        outage_seconds: Callable[[Answer], float] = lambda _: 0.0,
    ) -> None:
        self._most = most
        self._seconds = seconds
        self._outage_seconds = outage_seconds
        self._clock = clock
        self._kept: OrderedDict[Question, _Kept[Answer]] = OrderedDict()
        self._asked: dict[Question, asyncio.Task[Answer]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    async def get(self, question: Question, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """The kept answer, or that of ``ask``; what ``ask`` raises is raised to all who wait, and not kept."""
        kept = self._kept.get(question)
        if kept is not None and self._clock() < kept.fresh_until:
            self._kept.move_to_end(question)
            return kept.answer
        asking = self._asked.get(question)
        if asking is None:
            asking = self._asked[question] = asyncio.create_task(self._ask(question, ask))
        # Shielded: a caller that hangs up takes no answer away from the others.
        return await asyncio.shield(asking)

    async def _ask(self, question: Question, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        try:
            answer = await ask()
        except AuthorizationUnavailableError:
            kept = self._kept.get(question)
            if kept is None or self._clock() >= kept.counts_until:
                raise
            # Not at every request: each would wait for an API that does not answer.
            kept.fresh_until = min(self._clock() + _RETRY_SECONDS, kept.counts_until)
            return kept.answer
        finally:
            del self._asked[question]
        fresh_until = self._clock() + self._seconds(answer)
        self._kept[question] = _Kept(answer, fresh_until, fresh_until + self._outage_seconds(answer))
        self._kept.move_to_end(question)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return answer
