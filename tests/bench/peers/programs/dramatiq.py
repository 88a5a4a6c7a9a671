"""Dramatiq on RabbitMQ. It keeps results in Redis or Memcached only, so none are kept."""

from collections.abc import Callable

import dramatiq
from dramatiq.brokers.rabbitmq import RabbitmqBroker

from bench.peers.programs.application import amqp_url, count

broker = RabbitmqBroker(url=amqp_url())
dramatiq.set_broker(broker)


@dramatiq.actor(actor_name="noop")
def noop() -> None:
    """Do nothing."""
    count()


def install() -> None:
    """Prepare the servers."""
    broker.declare_queue("default", ensure=True)


def enqueue(total: int, begin: Callable[[], None]) -> None:
    """Hand over so many tasks."""
    install()
    begin()
    for _ in range(total):
        noop.send()
    broker.close()
