"""Holds PostgreSQL and RabbitMQ in the background between `services up` and `services down`: `python -m
testbed.services.holder`.

It is their parent as a test run is theirs, so that both are stopped and removed in the same way, also when it is
killed. SIGTERM or SIGINT ends it.
"""

import os
import signal
from contextlib import ExitStack

import psutil

from testbed.services.postgres import PostgresServer
from testbed.services.rabbitmq import RabbitMQServer
from testbed.services.state import State, forget

ENDING = {signal.SIGTERM, signal.SIGINT}


def hold() -> None:
    """Start both beside each other, publish where they are, and keep them until asked to stop."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # unwinds the stack while the servers start, too
    with ExitStack() as stack:
        rabbitmq, postgres = RabbitMQServer(), PostgresServer()
        for server in (rabbitmq, postgres):
            stack.callback(server.discard)
            server.launch()
        for server in (postgres, rabbitmq):
            server.wait_ready()
        stack.callback(forget)
        State(
            holder=os.getpid(),
            holder_created=psutil.Process().create_time(),
            database_url=postgres.url,
            message_queue_url=rabbitmq.url,
            management_url=f"http://127.0.0.1:{rabbitmq.management_port}/",
        ).save()
        try:
            signal.pause()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    hold()
