"""Celery on RabbitMQ; results in PostgreSQL where BENCH_RESULTS is yes."""

# Celery ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUntypedFunctionDecorator=false
# pyright: reportUnknownVariableType=false, reportFunctionMemberAccess=false

import os
from collections.abc import Callable

from celery import Celery

from bench.peers.programs.application import amqp_url, count, database_url

KEPT = os.environ["BENCH_RESULTS"] == "yes"

app = Celery("bench", broker=amqp_url())
app.conf.update(
    # What the manual's chapter on optimizing says for tasks that are short and many.
    worker_prefetch_multiplier=128,
    task_ignore_result=not KEPT,
    result_backend=f"db+{database_url().replace('postgresql:', 'postgresql+psycopg:')}" if KEPT else None,
)


@app.task(name="noop")
def noop() -> None:
    """Do nothing."""
    if not KEPT:
        count()


def install() -> None:
    """Prepare the servers."""
    if KEPT:
        app.backend.ResultSession()


def enqueue(total: int, begin: Callable[[], None]) -> None:
    """Hand over so many tasks."""
    with app.producer_pool.acquire(block=True) as producer:
        begin()
        for _ in range(total):
            noop.apply_async(producer=producer)
