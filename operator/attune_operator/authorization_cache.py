"""Answers of the Kubernetes API, kept for a moment: a caller asks a thousand times a second, the API is asked once.

Bounded in number and in time. Who asks while the same question is under way waits for its answer.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

Question = TypeVar("Question", bound=Hashable)
Answer = TypeVar("Answer")


class BriefCache(Generic[Question, Answer]):
    """Keeps answers.

    Args:
        most: answers kept; beyond it the one that was used longest ago goes.
        seconds: how long each is kept, from its answer.
        clock: seconds.
    """

    def __init__(
        self,
        most: int,
        seconds: Callable[[Answer], float],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most = most
        self._seconds = seconds
        self._clock = clock
        self._kept: OrderedDict[Question, tuple[float, Answer]] = OrderedDict()
        self._asked: dict[Question, asyncio.Task[Answer]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    async def get(self, question: Question, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """The kept answer, or that of ``ask``; what ``ask`` raises is raised to all who wait, and not kept."""
        kept = self._kept.get(question)
        if kept is not None and self._clock() < kept[0]:
            self._kept.move_to_end(question)
            return kept[1]
        asking = self._asked.get(question)
        if asking is None:
            asking = self._asked[question] = asyncio.create_task(self._ask(question, ask))
        # Shielded: a caller that hangs up takes no answer away from the others.
        return await asyncio.shield(asking)

    async def _ask(self, question: Question, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        try:
            answer = await ask()
        finally:
            del self._asked[question]
        self._kept[question] = (self._clock() + self._seconds(answer), answer)
        self._kept.move_to_end(question)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return answer
