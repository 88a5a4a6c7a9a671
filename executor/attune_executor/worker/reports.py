"""Tells the executor what was started and what is done.

Completions batch by themselves: what ends in one turn of the loop goes in one message. That an execution has started
is told a little later than it happens, and not at all where it is done by then: the completion says when it started.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

import structlog

from attune_executor.amqp.errors import guarded
from attune_executor.amqp.link import Link, Session
from attune_executor.amqp.publishing import UnroutableError, send
from attune_executor.amqp.topology import completed_queue_name, declare_reports, status_queue_name
from attune_executor.domain.records import Finished, Started
from attune_executor.pipeline import Pipeline
from attune_executor.ports.broker import BrokerError, Confirmation
from attune_executor.wire.envelope import Origin, WireMessage
from attune_executor.wire.reports import encode_completions, encode_starts

_MESSAGE_EXECUTIONS: Final = 256
_MESSAGE_BYTES: Final = 2 * 1024 * 1024
_START_DELAY_SECONDS: Final = 0.1
_RETRY_SECONDS: Final = 0.5

_log: Final = structlog.get_logger("attune.worker")


class Completion(NamedTuple):
    """A finished execution, the message that it answers, and the shard whose owner waits for it."""

    record: Finished
    origin: Origin
    shard: int


class Reporter:
    """Publishes reports until the broker has confirmed them, however long it is away.

    Args:
        link: where to.
        worker: this worker's name.
        on_sent: awaited with completions that are on their way.
        on_confirmed: awaited with completions that have become safe.
    """

    def __init__(
        self,
        link: Link,
        worker: str,
        on_sent: Callable[[Sequence[Finished]], Awaitable[None]],
        on_confirmed: Callable[[Sequence[Finished]], Awaitable[None]],
    ) -> None:
        self._link = link
        self._worker = worker
        self._finished = Pipeline(
            self._send_finished,
            on_sent=lambda batch: on_sent(_records(batch)),
            on_confirmed=lambda batch: on_confirmed(_records(batch)),
            on_failure=_warn,
        )
        self._started: dict[tuple[int, int], tuple[int, Started]] = {}
        self._started_wake = asyncio.Event()

    def started(self, record: Started, shard: int) -> None:
        """An execution of ``shard`` began to run."""
        self._started[record.execution_id, record.attempt] = shard, record
        self._started_wake.set()

    def finished(self, record: Finished, origin: Origin, shard: int) -> None:
        """An execution of ``shard`` reached a terminal status."""
        self.ended(record.execution_id, record.attempt)
        self._finished.put([Completion(record, origin, shard)])

    def ended(self, execution_id: int, attempt: int) -> None:
        """An execution does not run any more; it need not be said that it began."""
        self._started.pop((execution_id, attempt), None)

    async def flushed(self) -> None:
        """Wait until every completion is confirmed."""
        await self._finished.drained()

    async def run(self) -> None:
        """Publish until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._finished.run())
            group.create_task(self._report_started())

    async def _send_finished(self, batch: Sequence[Completion], retries: int) -> Confirmation:
        shards: dict[int, list[Completion]] = defaultdict(list)
        for completion in batch:
            shards[completion.shard].append(completion)
        return await self._send(
            [
                (completed_queue_name(shard), encode_completions(self._worker, *each, retries))
                for shard, completions in shards.items()
                for each in _messages(completions)
            ],
            shards,
        )

    async def _report_started(self) -> None:
        while True:
            await self._started_wake.wait()
            self._started_wake.clear()
            await asyncio.sleep(_START_DELAY_SECONDS)
            batch = list(self._started.items())
            shards: dict[int, list[Started]] = defaultdict(list)
            for _, (shard, record) in batch:
                shards[shard].append(record)
            messages = [
                (status_queue_name(shard), encode_starts(self._worker, records[at : at + _MESSAGE_EXECUTIONS]))
                for shard, records in shards.items()
                for at in range(0, len(records), _MESSAGE_EXECUTIONS)
            ]
            try:
                await (await self._send(messages, shards))
            except BrokerError as error:
                _warn(len(batch), error)
                await asyncio.sleep(_RETRY_SECONDS)
                self._started_wake.set()
                continue
            for key, told in batch:
                if self._started.get(key) is told:
                    del self._started[key]

    async def _send(self, messages: Sequence[tuple[str, WireMessage]], shards: Iterable[int]) -> Confirmation:
        session: Session = await self._link.connected()
        return self._confirmed(session, await send(session, messages), shards)

    async def _confirmed(self, session: Session, confirmation: Confirmation, shards: Iterable[int]) -> None:
        try:
            await confirmation
        except UnroutableError:
            # Someone deleted it. With the queue back, publishing again succeeds.
            try:
                for shard in shards:
                    await guarded(declare_reports(session.publishing, shard, self._link.queue_type))
            except BrokerError as failure:
                session.end(f"cannot declare the queues of reports: {failure}")
            raise


def _records(batch: Sequence[Completion]) -> Sequence[Finished]:
    return [completion.record for completion in batch]


def _warn(count: int, error: BrokerError) -> None:
    _log.warning("reports not confirmed, publishing again", count=count, reason=str(error))


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
