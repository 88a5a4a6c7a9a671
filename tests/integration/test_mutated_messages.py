"""Messages made wrong, by the thousand, on a real RabbitMQ: each is accepted, reported or put aside, and none stops the
executor."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple
from unittest.mock import Mock, patch
from uuid import UUID

import aio_pika
import asyncpg
import httpx
import pytest
from aio_pika.abc import AbstractChannel, AbstractExchange

from attune_executor.adapters.rabbitmq.refusals import REFUSED_HEADER
from attune_executor.amqp.topology import (
    COMPLETED_QUEUE,
    DEAD_LETTER_QUEUE,
    EXECUTIONS_EXCHANGE,
    REQUESTED_QUEUE,
    STATUS_QUEUE,
)
from attune_executor.domain.execution import ExecutionStatus
from attune_executor.domain.records import Finished, Started
from attune_executor.domain.submission import ExecutionRequest
from attune_executor.domain.workers import Heartbeat
from attune_executor.wire import envelope
from attune_executor.wire.envelope import MalformedMessageError
from attune_executor.wire.reports import decode_reports, encode_completions, encode_heartbeat, encode_starts
from attune_executor.wire.requests import decode_requests, encode_requests
from integration.mutation import mutated
from testbed.attune.processes import AttuneProcesses, HostProcess

SEED: Final = 20_261_124
QUEUES: Final = (REQUESTED_QUEUE, COMPLETED_QUEUE, STATUS_QUEUE)
POLICIES: Final[dict[str, dict[str, Any]]] = {
    "core.echo": {"concurrency_limit": 50, "max_queue_length": 10_000_000},
    "core.small": {"concurrency_limit": 1, "max_queue_length": 3},
    "core.last": {"concurrency_limit": 1, "pool": "last"},
}
WINDOW: Final = 500


class Sent(NamedTuple):
    """One message: its AMQP property ``message_id``, which nobody changes, tells it from all others."""

    message_id: str
    queue: str
    body: bytes


class Letter(NamedTuple):
    """What a dead letter says: the refused executions by number, or None where it is malformed."""

    reason: str
    refused: frozenset[int] | None


def valid(queue: str, chance: random.Random) -> bytes:
    if queue == REQUESTED_QUEUE:
        refs = chance.choices(("core.echo", "core.small", "core.missing"), (8, 1, 1), k=chance.randint(1, 3))
        return encode_requests([ExecutionRequest(ref, b'{"n": [1, "\xc3\xa9"]}') for ref in refs], "test").body
    ids = [chance.randint(1, 1000) for _ in range(chance.randint(1, 3))]
    if queue == STATUS_QUEUE:
        return encode_starts("worker-1", [Started(each, 1, "worker-1", 1.5) for each in ids]).body
    if chance.random() < 0.2:
        held = [(each, 1) for each in ids]
        return encode_heartbeat(Heartbeat("worker-1", "default", 20, draining=False, held=held)).body
    done = ExecutionStatus.SUCCEEDED
    return encode_completions(
        "worker-1", [Finished(each, 1, done, b'{"deep": [[1]]}', "worker-1", 1.5, 2.5) for each in ids]
    ).body


def messages(count: int) -> list[Sent]:
    """The same ones every time: ids and times of their envelopes come from the seed too."""
    chance = random.Random(SEED)  # noqa: S311 - to be repeated, not to be secret
    moment = datetime(2026, 11, 24, tzinfo=UTC)
    clock = Mock(now=Mock(return_value=moment))
    with (
        patch.object(envelope, "uuid4", lambda: UUID(int=chance.getrandbits(128))),
        patch.object(envelope, "datetime", clock),
    ):
        return list(_messages(count, chance))


def _messages(count: int, chance: random.Random) -> Iterator[Sent]:
    others = [valid(queue, chance) for queue in QUEUES for _ in range(20)]
    for number in range(count):
        queue = QUEUES[number % len(QUEUES)]
        body = valid(queue, chance)
        yield Sent(f"m-{number}", queue, body if chance.random() < 0.1 else mutated(body, others, chance))


async def publish(exchange: AbstractExchange, message: Sent) -> None:
    properties = aio_pika.Message(
        message.body, message_id=message.message_id, delivery_mode=aio_pika.DeliveryMode.PERSISTENT
    )
    await exchange.publish(properties, message.queue)


@pytest.fixture
async def channel(amqp_url: str) -> AsyncIterator[AbstractChannel]:
    connection = await aio_pika.connect(amqp_url)
    yield await connection.channel()
    await connection.close()


async def ready(channel: AbstractChannel, queue: str) -> int:
    declared = await channel.declare_queue(queue, passive=True)
    return declared.declaration_result.message_count or 0


async def drained(channel: AbstractChannel, executor: HostProcess, deadline_seconds: float) -> None:
    async with asyncio.timeout(deadline_seconds):
        while sum([await ready(channel, queue) for queue in QUEUES]):
            assert executor.running, executor.log()[-5000:]
            await asyncio.sleep(0.1)


async def left(channel: AbstractChannel, queue: str) -> list[str]:
    """Take what is in a queue off it; returns the messages' names."""
    taking, names = await channel.get_queue(queue), list[str]()
    while (message := await taking.get(no_ack=True, fail=False)) is not None:
        names.append(str(message.message_id))
    return names


async def letters(channel: AbstractChannel) -> dict[str, Letter]:
    """Everything in the dead letter queue, by message."""
    found: dict[str, Letter] = {}
    expected = await ready(channel, DEAD_LETTER_QUEUE)
    queue = await channel.get_queue(DEAD_LETTER_QUEUE)
    async with queue.iterator(no_ack=True) as incoming:
        while expected:
            letter = await anext(incoming)
            expected -= 1
            table = letter.headers.get(REFUSED_HEADER)
            assert letter.message_id is not None
            found[letter.message_id] = Letter(
                str(letter.headers["x-attune-reason"]),
                frozenset(numbers(table.values())) if isinstance(table, dict) else None,
            )
    return found


def numbers(ranges: Any) -> Iterator[int]:
    for part in ",".join(map(str, ranges)).split(","):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


def outcome(message: Sent, letter: Letter | None, accepted: frozenset[str]) -> str:
    """Where a message went; "lost" where it is nowhere."""
    if letter is not None and letter.refused is None:
        return "malformed"
    try:
        if message.queue != REQUESTED_QUEUE:
            decode_reports(message.body)
            return "reported" if letter is None else "lost"
        requests = decode_requests(message.body)
    except MalformedMessageError:
        return "lost"
    refused = frozenset[int]() if letter is None or letter.refused is None else letter.refused
    keys = {request.idempotency_key for index, request in enumerate(requests) if index not in refused}
    if not keys <= accepted:
        return "lost"
    return "accepted" if letter is None else "refused" if len(refused) == len(requests) else "accepted in part"


async def run_one_more(processes: AttuneProcesses, exchange: AbstractExchange) -> None:
    """Whether a whole execution still goes through all three queues: requested, dispatched, started, completed."""
    sealed = encode_requests([ExecutionRequest("core.last", b"{}", "the last one")], "test")
    await publish(exchange, Sent("request", REQUESTED_QUEUE, sealed.body))
    async with httpx.AsyncClient(base_url=processes.url, timeout=30) as client, asyncio.timeout(240):
        statuses: list[str] = []
        while "succeeded" not in statuses:
            beat = encode_heartbeat(Heartbeat("worker-last", "last", 1, draining=False, held=()))
            await publish(exchange, Sent("beat", COMPLETED_QUEUE, beat.body))
            answer = await client.get("/api/v1/executions", params={"action_ref": "core.last"})
            for item in answer.raise_for_status().json()["data"]:
                if item["attempt"]:
                    done = Finished(
                        item["id"], item["attempt"], ExecutionStatus.SUCCEEDED, b"1", "worker-last", 1.0, time.time()
                    )
                    await publish(
                        exchange, Sent("done", COMPLETED_QUEUE, encode_completions("worker-last", [done]).body)
                    )
                statuses.append(item["status"])
            await asyncio.sleep(0.1)


async def in_the_database(url: str) -> frozenset[str]:
    connection = await asyncpg.connect(url)
    rows = await connection.fetch("SELECT idempotency_key FROM attune.execution WHERE idempotency_key IS NOT NULL")
    await connection.close()
    return frozenset(row["idempotency_key"] for row in rows)


async def publish_all(exchange: AbstractExchange, sent: Sequence[Sent]) -> None:
    for start in range(0, len(sent), WINDOW):
        await asyncio.gather(*(publish(exchange, message) for message in sent[start : start + WINDOW]))


@pytest.mark.timeout(0)  # of its own: a deadline for each thing that is waited for
async def test_every_mutated_message_is_accounted_for(
    channel: AbstractChannel, database_url: str, amqp_url: str, full: bool, tmp_path: Path
) -> None:
    sent = messages(100_000 if full else 2_000)
    with AttuneProcesses(tmp_path, database_url, amqp_url, POLICIES) as processes:
        processes.migrate()
        executor = processes.executor()
        exchange = await channel.get_exchange(EXECUTIONS_EXCHANGE)
        await publish_all(exchange, sent)
        await drained(channel, executor, 1200 if full else 240)
        await run_one_more(processes, exchange)
        await drained(channel, executor, 240)
        log = executor.log()
        assert executor.stop() == 0, executor.log()
    assert "Traceback" not in log
    assert "connection to the broker lost" not in log
    # What was delivered and not acknowledged is back by now. Of those that ran one more, the last may have come late.
    assert [name for queue in QUEUES for name in await left(channel, queue) if name.startswith("m-")] == []
    aside = await letters(channel)
    accepted = await in_the_database(database_url)
    outcomes = {message: outcome(message, aside.get(message.message_id), accepted) for message in sent}
    counts = Counter((message.queue, found) for message, found in outcomes.items())
    print(*(f"{queue} {found}: {count}" for (queue, found), count in sorted(counts.items())), sep="\n")  # noqa: T201
    assert [message for message, found in outcomes.items() if found == "lost"] == []
    for queue, kinds in {
        REQUESTED_QUEUE: ("accepted", "accepted in part", "refused", "malformed"),
        COMPLETED_QUEUE: ("reported", "malformed"),
        STATUS_QUEUE: ("reported", "malformed"),
    }.items():
        for kind in kinds:
            assert counts[queue, kind], f"no message of {queue} was {kind}: the mutations show too little"
