"""Who asks the executors for something: submits, cancels, completes by hand, purges. Not every question is answered."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from random import Random
from typing import Any, Final

from attune_executor.domain.execution import Ending, ExecutionStatus
from attune_executor.domain.purge import PurgeOrder, PurgeReport
from attune_executor.domain.submission import ExecutionRequest, Receipt
from attune_executor.engine.engine import Engine
from attune_executor.engine.views import UnavailableError
from simulation.judge import Judge

_ENDINGS: Final = (
    Ending.because(ExecutionStatus.FAILED, "completed by hand"),
    Ending(ExecutionStatus.SUCCEEDED, b'{"found": "done"}'),
)
_ANSWERED_WITHIN: Final = 5.0
_FAR_TOO_FEW: Final = 0


class Callers:
    """All of them.

    Args:
        random: the seed's.
        judge: is told what is asked, before it is, and what was answered.
        refs: the actions.
        engines: those that are up by now, with their names.
    """

    def __init__(
        self, random: Random, judge: Judge, refs: Sequence[str], engines: Callable[[], Sequence[tuple[str, Engine]]]
    ) -> None:
        self._random = random
        self._judge = judge
        self._refs = refs
        self._engines = engines
        self._later: set[asyncio.Task[None]] = set()

    async def client(self, number: int) -> None:
        """Submits now and then, and thinks better of some of it."""
        for order in range(self._random.randint(1, 6)):
            await asyncio.sleep(self._random.random() * 4)
            requests = [
                ExecutionRequest(
                    self._random.choice(self._refs),
                    self._random.choice((b'{"k":"x"}', b'{"k":"y"}')),
                    f"{number}/{order}/{each}",
                )
                for each in range(self._random.randint(1, 4))
            ]
            await self._submit(requests)

    async def purger(self) -> None:
        """Empties the longest queue now and then, and is now and then one of two who do."""
        for _ in range(self._random.randint(0, 3)):
            await asyncio.sleep(self._random.random() * 8)
            waiting = {ref: len(self._judge.ledger.waiting(ref)) for ref in self._refs}
            ref = max(waiting, key=lambda ref: waiting[ref])
            expected = self._random.choice((_FAR_TOO_FEW, waiting[ref], waiting[ref], waiting[ref]))
            asking = (self._purge_all(ref, expected) for _ in range(self._random.choice((1, 1, 1, 2))))
            await asyncio.gather(*asking)

    async def _purge_all(self, ref: str, expected: int) -> None:
        report = await self._purge(PurgeOrder(ref, expected))
        while report is not None and report.remaining:
            report = await self._purge(PurgeOrder(ref, report.remaining, report.up_to))

    async def _submit(self, requests: list[ExecutionRequest]) -> None:
        # A caller whose request was lost does not know, and asks again under the same key.
        while True:
            if not self._engines():
                await asyncio.sleep(0.5)
                continue
            _, engine = self._random.choice(self._engines())
            try:
                async with asyncio.timeout(_ANSWERED_WITHIN):
                    outcomes = await engine.submit(requests)
            except (UnavailableError, TimeoutError):
                await asyncio.sleep(self._random.random())
                continue
            break
        for request, outcome in zip(requests, outcomes, strict=True):
            if isinstance(outcome, Receipt) and request.idempotency_key is not None:
                self._judge.answered(request.idempotency_key, outcome)
                if self._random.random() < 0.1:
                    self._in_a_moment(partial(self._cancel, outcome.execution_id))
                if self._random.random() < 0.1:
                    for _ in range(self._random.choice((1, 1, 2))):
                        self._in_a_moment(partial(self._complete, outcome.execution_id))

    def _in_a_moment(self, ask: Callable[[], Coroutine[Any, Any, None]]) -> None:
        asyncio.get_running_loop().call_later(
            self._random.random() * 3, lambda: self._later.add(asyncio.create_task(ask()))
        )

    async def _cancel(self, execution_id: int) -> None:
        if not self._engines():
            return
        _, engine = self._random.choice(self._engines())
        self._judge.endings.cancel_asked(execution_id)
        try:
            async with asyncio.timeout(_ANSWERED_WITHIN):
                await engine.cancel(execution_id)
        except (UnavailableError, TimeoutError):
            return

    async def _complete(self, execution_id: int) -> None:
        if not self._engines():
            return
        _, engine = self._random.choice(self._engines())
        ending = self._random.choice(_ENDINGS)
        self._judge.endings.complete_asked(execution_id, ending)
        try:
            async with asyncio.timeout(_ANSWERED_WITHIN):
                outcome = await engine.complete(execution_id, ending)
        except (UnavailableError, TimeoutError):
            return
        with self._judge:
            self._judge.endings.complete_answered(execution_id, ending, outcome)

    async def _purge(self, order: PurgeOrder) -> PurgeReport | None:
        if not self._engines():
            return None
        owner, engine = self._random.choice(self._engines())
        asked = self._judge.endings.purge_asked(owner, order)
        try:
            async with asyncio.timeout(_ANSWERED_WITHIN):
                report = await engine.purge(order)
        except UnavailableError:
            asked.over = True
            return None
        except TimeoutError:
            # It may go on all the same, for as long as its executor lives.
            return None
        with self._judge:
            self._judge.endings.purge_answered(asked, report)
        return report if isinstance(report, PurgeReport) else None
