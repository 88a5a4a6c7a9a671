"""Sends in order, many batches on their way at once, each until it is confirmed.

A broker under load confirms late: it writes many messages to disk at a time, up to 200 ms after they came. To wait for
one batch before sending the next turns that into the latency of everything behind it.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from attune_executor.backoff import Backoff
from attune_executor.ports.broker import BrokerError, Confirmation

_BATCHES: Final = 100
"""On their way at once; what comes meanwhile gathers for the next. A message of each costs the broker memory."""

_Item = TypeVar("_Item")


@dataclass(eq=False, slots=True)
class _Batch(Generic[_Item]):
    items: Sequence[_Item]
    confirmation: asyncio.Future[None]
    retries: int = 0


class Pipeline(Generic[_Item]):
    """What is put in is sent, and sent again until it is confirmed.

    Args:
        send: sends items in their order, and returns what waits for their confirmation; is told how often they were
            sent before. Either raises BrokerError when it fails.
        on_sent: called with what is on its way, also when it is sent again.
        on_confirmed: called with what is confirmed, once all that was put in before it is.
        on_failure: called with how many items are to be sent again, and why.
    """

    def __init__(
        self,
        send: Callable[[Sequence[_Item], int], Awaitable[Confirmation]],
        *,
        on_sent: Callable[[Sequence[_Item]], Awaitable[None]] | None = None,
        on_confirmed: Callable[[Sequence[_Item]], Awaitable[None]],
        on_failure: Callable[[int, BrokerError], None],
    ) -> None:
        self._send = send
        self._on_sent = on_sent
        self._on_confirmed = on_confirmed
        self._on_failure = on_failure
        self._waiting: list[_Item] = []
        self._sent: deque[_Batch[_Item]] = deque()
        self._changed = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._backoff = Backoff()

    def put(self, items: Iterable[_Item]) -> None:
        """Have these sent after all that was put in before."""
        self._waiting.extend(items)
        if self._waiting:
            self._idle.clear()
            self._changed.set()

    def forget(self) -> None:
        """Have nothing of what was put in sent any more, nor its confirmation told."""
        self._waiting = []
        self._sent = deque()
        self.wake()

    def wake(self) -> None:
        """Let `changed` return."""
        self._changed.set()

    async def drained(self) -> None:
        """Return once all that was put in is confirmed."""
        await self._idle.wait()

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await self.changed()
            await self.advance()

    async def changed(self) -> None:
        """Return when there is something for `advance` to do."""
        await self._changed.wait()
        self._changed.clear()

    async def advance(self) -> None:
        """Tell what is confirmed, send again what failed, send what was put in."""
        while self._sent and (first := self._sent[0]).confirmation.done():
            if _failure(first) is not None:
                await self._send_again(self._sent)
            else:
                self._sent.popleft()
                self._backoff.reset()
                await self._on_confirmed(first.items)
        if self._waiting and len(self._sent) < _BATCHES:
            items, self._waiting = self._waiting, []
            batch = _Batch(items, asyncio.get_running_loop().create_future())
            self._sent.append(batch)
            await self._send_batch(batch)
        if not self._waiting and not self._sent:
            self._idle.set()

    async def _send_batch(self, batch: _Batch[_Item]) -> None:
        try:
            batch.confirmation = asyncio.ensure_future(await self._send(batch.items, batch.retries))
        except BrokerError as error:
            batch.confirmation = asyncio.get_running_loop().create_future()
            batch.confirmation.set_exception(error)
        else:
            if self._on_sent is not None:
                await self._on_sent(batch.items)
        batch.confirmation.add_done_callback(self._settled)

    def _settled(self, confirmation: asyncio.Future[None]) -> None:
        # Once asked for its exception, a confirmation that was forgotten meanwhile fails in silence.
        if not confirmation.cancelled():
            confirmation.exception()
        self._changed.set()

    async def _send_again(self, sent: deque[_Batch[_Item]]) -> None:
        """Send again, in order, what failed, once it is known of everything on its way what became of it."""
        await asyncio.wait([batch.confirmation for batch in sent])
        failures = [(batch, error) for batch in sent if (error := _failure(batch)) is not None]
        self._on_failure(sum(len(batch.items) for batch, _ in failures), failures[0][1])
        await self._backoff.wait()
        for batch, _ in failures:
            if self._sent is not sent:
                return
            batch.retries += 1
            await self._send_batch(batch)


def _failure(batch: _Batch[_Item]) -> BrokerError | None:
    """Why what is settled is not confirmed."""
    if batch.confirmation.cancelled():
        return BrokerError("nobody waited for the broker's confirmation")
    error = batch.confirmation.exception()
    if error is not None and not isinstance(error, BrokerError):
        raise error
    return error
