"""The process that runs actions one after another for a worker: `python -m attune_executor.worker.child_program FD`.

It serves on the socket FD, one length-prefixed message at a time. It kills itself and all that it started when the
worker's end of the socket is gone: what it runs is somebody else's by then.
"""

import asyncio
import os
import signal
import socket
import sys
import threading
from queue import SimpleQueue
from typing import Final

import uvloop
from msgspec import Struct, msgpack

from attune_executor.domain.execution import ExecutionStatus
from attune_executor.observability import LogFormat, LogLevel, LogSettings
from attune_executor.worker.outcome import Outcome, raised, success
from attune_executor.worker.registry import ActionRegistry

HEADER_BYTES: Final = 4


class Hello(Struct, array_like=True):
    """From the worker, first of all; answered by an empty message once actions can be run."""

    max_result_bytes: int
    log_level: LogLevel
    log_format: LogFormat


class Call(Struct, array_like=True):
    """From the worker: run this; ``parameters`` is a JSON object."""

    execution_id: int
    ref: str
    parameters: bytes


class Answer(Struct, array_like=True):
    """To the worker: how it ended."""

    status: ExecutionStatus
    result: bytes


def framed(message: bytes) -> bytes:
    """``message`` behind its length."""
    return len(message).to_bytes(HEADER_BYTES, "big") + message


def main() -> None:
    """Serve until the worker is gone."""
    connection = socket.socket(fileno=int(sys.argv[1]))
    connection.setblocking(True)
    messages: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_receive, args=(connection, messages), name="worker", daemon=True).start()
    hello = msgpack.decode(messages.get(), type=Hello)
    LogSettings(level=hello.log_level, format=hello.log_format).configure()
    actions = ActionRegistry.installed()
    connection.sendall(framed(b""))
    while True:
        call = msgpack.decode(messages.get(), type=Call)
        outcome = _run(actions, call, hello.max_result_bytes)
        connection.sendall(framed(msgpack.encode(Answer(outcome.status, outcome.result))))


def _run(actions: ActionRegistry, call: Call, max_result_bytes: int) -> Outcome:
    try:
        action = actions[call.ref]
        arguments = action.parameters.bind(call.parameters)
        if action.is_async:
            return success(uvloop.run(action.function(**arguments)), max_result_bytes)
        return success(action.function(**arguments), max_result_bytes)
    except (Exception, SystemExit, asyncio.CancelledError, KeyboardInterrupt) as error:  # noqa: BLE001 - it fails alone
        return raised(error, call.ref, call.execution_id)


def _receive(connection: socket.socket, messages: "SimpleQueue[bytes]") -> None:
    with connection.makefile("rb") as incoming:
        while header := incoming.read(HEADER_BYTES):
            messages.put(incoming.read(int.from_bytes(header, "big")))
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    main()
