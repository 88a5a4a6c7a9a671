"""What every program of a peer has in common: where the servers are, and how tasks count themselves."""

import os

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND


def database_url() -> str:
    """Where PostgreSQL is."""
    return os.environ["BENCH_DATABASE_URL"]


def amqp_url() -> str:
    """Where RabbitMQ is."""
    return os.environ["BENCH_AMQP_URL"]


def count() -> None:
    """Note that a task ran, where the system keeps no result: one byte at the end of a file."""
    file = os.open(os.environ["BENCH_COUNTER"], _FLAGS, 0o644)
    os.write(file, b".")
    os.close(file)
