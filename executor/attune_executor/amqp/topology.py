"""Exchanges and queues, declared by whoever comes first and with the same arguments by everyone."""

from enum import StrEnum
from typing import Any, Final, NamedTuple

from aio_pika import DeliveryMode, ExchangeType
from aio_pika.abc import AbstractChannel, AbstractExchange, AbstractQueue

from attune_executor.domain.policy import check_pool

EXECUTIONS_EXCHANGE: Final = "attune.executions"
DEAD_LETTER_EXCHANGE: Final = "attune.dlx"
DEAD_LETTER_QUEUE: Final = "attune.dead-letter"
REQUESTED_QUEUE: Final = "execution.requested"
COMPLETED_QUEUE: Final = "execution.completed"
STATUS_QUEUE: Final = "execution.status"
HEARTBEAT_KEY: Final = "worker.heartbeat"
"""Routes a heartbeat that nobody asked for to the completions' queue of every shard."""
ROLL_CALL_KEY: Final = "worker.roll-call"
"""Routes to the control queue of every worker of every pool."""

# A quorum queue of RabbitMQ 4 gives a message up after 20 deliveries by default, and each worker that drains or dies
# counts as one. What passes this limit is dead-lettered, where it can be seen.
_DELIVERY_LIMIT: Final = 1000
# A worker acknowledges when an execution is done, and that may take days; the default is 30 minutes. RabbitMQ before
# 3.12 does not know the argument: there `consumer_timeout` in rabbitmq.conf has to be raised.
_WORKER_ACKNOWLEDGEMENT_TIMEOUT_MS: Final = 7 * 24 * 3600 * 1000


class QueueType(StrEnum):
    """How the broker keeps messages: on one node, or replicated over a cluster."""

    CLASSIC = "classic"
    QUORUM = "quorum"


DISPATCH_DELIVERY_MODE: Final = DeliveryMode.NOT_PERSISTENT
"""A broker that comes back with its dispatches would give them to other workers while the first still run them. What it
had not delivered yet is found by the roll call."""


class Exchanges(NamedTuple):
    """What to publish to, on the channel that declared them."""

    executions: AbstractExchange
    dead_letters: AbstractExchange


def completed_queue_name(shard: int) -> str:
    """Where the owner of ``shard`` receives completions, and heartbeats behind the completions that they follow."""
    return COMPLETED_QUEUE if shard == 0 else f"{COMPLETED_QUEUE}.{shard}"


def status_queue_name(shard: int) -> str:
    """Where the owner of ``shard`` hears of executions that began to run."""
    return STATUS_QUEUE if shard == 0 else f"{STATUS_QUEUE}.{shard}"


def control_key(pool: str) -> str:
    """Routes to the control queue of every worker of ``pool``.

    Raises:
        PolicyError: when ``pool`` has a name that no pool can have.
    """
    check_pool(pool)
    return f"worker.{pool}.control"


async def declare_control(channel: AbstractChannel, pool: str, worker: str) -> AbstractQueue:
    """Declare the queue in which one worker is told what concerns it now; it goes with the worker's connection."""
    queue = await channel.declare_queue(f"{control_key(pool)}.{worker}", exclusive=True, auto_delete=True)
    for key in (control_key(pool), ROLL_CALL_KEY):
        await queue.bind(EXECUTIONS_EXCHANGE, key)
    return queue


def pool_queue_name(pool: str) -> str:
    """The queue of a worker pool.

    Raises:
        PolicyError: when ``pool`` has a name that no pool can have.
    """
    check_pool(pool)
    return f"worker.{pool}.executions"


async def declare(channel: AbstractChannel, queue_type: QueueType) -> Exchanges:
    """Declare what every program relies on: the exchanges, the dead letters, the queues of requests and reports."""
    executions = await channel.declare_exchange(EXECUTIONS_EXCHANGE, ExchangeType.TOPIC, durable=True)
    dead_letters = await channel.declare_exchange(DEAD_LETTER_EXCHANGE, ExchangeType.TOPIC, durable=True)
    dead_letter_queue = await channel.declare_queue(
        DEAD_LETTER_QUEUE, durable=True, arguments={"x-queue-type": queue_type.value}
    )
    await dead_letter_queue.bind(dead_letters, "#")
    await _declare_queue(channel, REQUESTED_QUEUE, queue_type)
    await declare_reports(channel, 0, queue_type)
    return Exchanges(executions, dead_letters)


async def declare_reports(
    channel: AbstractChannel, shard: int, queue_type: QueueType
) -> tuple[AbstractQueue, AbstractQueue]:
    """Declare the queues in which the owner of ``shard`` hears of its executions, after the rest."""
    completed = await _declare_queue(channel, completed_queue_name(shard), queue_type)
    await completed.bind(EXECUTIONS_EXCHANGE, HEARTBEAT_KEY)
    return completed, await _declare_queue(channel, status_queue_name(shard), queue_type)


async def declare_pool(channel: AbstractChannel, pool: str, queue_type: QueueType) -> AbstractQueue:
    """Declare a pool's queue, after the rest; raises PolicyError as `pool_queue_name` does."""
    return await _declare_queue(
        channel, pool_queue_name(pool), queue_type, {"x-consumer-timeout": _WORKER_ACKNOWLEDGEMENT_TIMEOUT_MS}
    )


async def _declare_queue(
    channel: AbstractChannel, name: str, queue_type: QueueType, more_arguments: dict[str, Any] | None = None
) -> AbstractQueue:
    arguments: dict[str, Any] = {
        "x-queue-type": queue_type.value,
        "x-dead-letter-exchange": DEAD_LETTER_EXCHANGE,
        "x-dead-letter-routing-key": name,
        **(more_arguments or {}),
    }
    if queue_type is QueueType.QUORUM:
        arguments["x-delivery-limit"] = _DELIVERY_LIMIT
    queue = await channel.declare_queue(name, durable=True, arguments=arguments)
    # The routing key is the queue's own name: no wildcard can route to two.
    await queue.bind(EXECUTIONS_EXCHANGE, name)
    return queue
