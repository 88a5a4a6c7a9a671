"""Taskiq on RabbitMQ with aio-pika; results in PostgreSQL where BENCH_RESULTS is yes."""

import asyncio
import os
from collections.abc import Callable

from taskiq_aio_pika import AioPikaBroker
from taskiq_aio_pika.queue import Queue, QueueType
from taskiq_pg.asyncpg import AsyncpgResultBackend

from bench.peers.programs.application import amqp_url, count, database_url

_TOGETHER = 100
_PREFETCH = 200
KEPT = os.environ["BENCH_RESULTS"] == "yes"

broker = AioPikaBroker(amqp_url(), qos=_PREFETCH, task_queues=[Queue(type=QueueType.CLASSIC)])
if KEPT:
    broker = broker.with_result_backend(AsyncpgResultBackend(database_url()))


@broker.task(task_name="noop")
async def noop() -> None:
    """Do nothing."""
    if not KEPT:
        count()


async def _installed() -> None:
    await broker.startup()
    await broker.shutdown()


async def _enqueued(total: int, begin: Callable[[], None]) -> None:
    await broker.startup()
    begin()
    for first in range(0, total, _TOGETHER):
        await asyncio.gather(*(noop.kiq() for _ in range(min(_TOGETHER, total - first))))
    await broker.shutdown()


def install() -> None:
    """Prepare the servers."""
    asyncio.run(_installed())


def enqueue(total: int, begin: Callable[[], None]) -> None:
    """Hand over so many tasks."""
    asyncio.run(_enqueued(total, begin))
