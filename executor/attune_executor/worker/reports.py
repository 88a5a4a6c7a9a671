"""Tells the executor what was started and what is done.

Completions batch by themselves: while one publish awaits its confirm the next gathers. That an execution has started
is told a little later than it happens, and not at all where it is done by then: the completion says when it started.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from attune_executor.amqp.link import Link, Session
from attune_executor.amqp.publishing import UnroutableError, publish_confirmed
from attune_executor.amqp.topology import COMPLETED_QUEUE, STATUS_QUEUE
from attune_executor.domain.records import Finished, Started
from attune_executor.ports.broker import BrokerError
from attune_executor.wire.envelope import Origin, WireMessage
from attune_executor.wire.messages import encode_completions, encode_starts

_MESSAGE_EXECUTIONS: Final = 256
_MESSAGE_BYTES: Final = 2 * 1024 * 1024
_START_DELAY_SECONDS: Final = 0.1
_RETRY_SECONDS: Final = 0.5

_log: Final = structlog.get_logger("attune.worker")


@dataclass(frozen=True, slots=True)
class Completion:
    """A finished execution and the message that it answers."""

    record: Finished
    origin: Origin


class Reporter:
    """Publishes reports until the broker has confirmed them, however long it is away.

    Args:
        link: where to.
        worker: this worker's name.
        on_confirmed: awaited with what has become safe, before the next completions are published.
    """

    def __init__(self, link: Link, worker: str, on_confirmed: Callable[[Sequence[Finished]], Awaitable[None]]) -> None:
        self._link = link
        self._worker = worker
        self._on_confirmed = on_confirmed
        self._finished: list[Completion] = []
        self._finished_wake = asyncio.Event()
        self._started: dict[tuple[int, int], Started] = {}
        self._started_wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def started(self, record: Started) -> None:
        """An execution began to run."""
        self._started[record.execution_id, record.attempt] = record
        self._started_wake.set()

    def finished(self, record: Finished, origin: Origin) -> None:
        """An execution reached a terminal status."""
        self._started.pop((record.execution_id, record.attempt), None)
        self._finished.append(Completion(record, origin))
        self._finished_wake.set()
        self._idle.clear()

    async def flushed(self) -> None:
        """Wait until every completion is confirmed."""
        await self._idle.wait()

    async def run(self) -> None:
        """Publish until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._report_finished())
            group.create_task(self._report_started())

    async def _report_finished(self) -> None:
        while True:
            await self._finished_wake.wait()
            self._finished_wake.clear()
            batch, self._finished = self._finished, []
            retries = 0
            while not await self._publish(
                COMPLETED_QUEUE,
                [encode_completions(self._worker, *each, retries) for each in _messages(batch)],
            ):
                retries += 1
            await self._on_confirmed([completion.record for completion in batch])
            if not self._finished:
                self._idle.set()

    async def _report_started(self) -> None:
        while True:
            await self._started_wake.wait()
            self._started_wake.clear()
            await asyncio.sleep(_START_DELAY_SECONDS)
            batch = list(self._started.items())
            messages = [
                encode_starts(self._worker, [record for _, record in batch[at : at + _MESSAGE_EXECUTIONS]])
                for at in range(0, len(batch), _MESSAGE_EXECUTIONS)
            ]
            if await self._publish(STATUS_QUEUE, messages):
                for key, record in batch:
                    if self._started.get(key) is record:
                        del self._started[key]
            else:
                self._started_wake.set()

    async def _publish(self, routing_key: str, messages: Sequence[WireMessage]) -> bool:
        session: Session = await self._link.connected()
        try:
            await publish_confirmed(session.exchanges.executions, [(routing_key, message) for message in messages])
        except UnroutableError as error:
            # The next session declares what is missing.
            session.end(str(error))
            return False
        except BrokerError as error:
            _log.warning("reports not confirmed, publishing again", queue=routing_key, reason=str(error))
            await asyncio.sleep(_RETRY_SECONDS)
            return False
        return True


def _messages(batch: Sequence[Completion]) -> Iterator[tuple[list[Finished], Origin | None]]:
    """Split by count and size; a message answers another one where all it carries came with that one."""
    records: list[Finished] = []
    origins: set[Origin] = set()
    size = 0
    for completion in batch:
        length = len(completion.record.result or b"")
        if records and (len(records) >= _MESSAGE_EXECUTIONS or size + length > _MESSAGE_BYTES):
            yield records, _only(origins)
            records, size = [], 0
            origins = set[Origin]()
        records.append(completion.record)
        origins.add(completion.origin)
        size += length
    if records:
        yield records, _only(origins)


def _only(origins: set[Origin]) -> Origin | None:
    return next(iter(origins)) if len(origins) == 1 else None
