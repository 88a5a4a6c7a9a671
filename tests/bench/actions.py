"""The benchmark's own actions: a no-op under as many names as there are queues, and one that records when it ran.

A worker finds them like any team's package, through the entry point that `install` writes.
"""

import asyncio
import os
import struct
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from attune_executor.worker.core.basic import echo
from attune_executor.worker.registry import Action, action

QUEUES = 10_000
TIMED = 100
RECORD_VARIABLE = "BENCH_RECORD"
_RUN = struct.Struct("=iiqq")
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND


class Run(NamedTuple):
    """One run of a timed action; both readings are of this machine's monotonic clock, in nanoseconds."""

    queue: int
    number: int
    started_ns: int
    ended_ns: int


def noop_ref(queue: int) -> str:
    """The no-op's name in one of the queues, which is core.echo under another name."""
    return f"bench.noop.{queue:05}"


def timed_ref(queue: int) -> str:
    """The recording action's name in one of the queues."""
    return f"bench.timed.{queue:05}"


@action("bench.timed")
async def timed(queue: int, number: int, seconds: float) -> None:
    """Hold a slot for so long, and note when: one write of 24 bytes to a file opened for appending."""
    started = time.monotonic_ns()
    await asyncio.sleep(seconds)
    record = os.open(os.environ[RECORD_VARIABLE], _FLAGS, 0o644)
    os.write(record, _RUN.pack(queue, number, started, time.monotonic_ns()))
    os.close(record)


def runs(record: Path) -> list[Run]:
    """What the timed actions noted, in the order of their ends."""
    return [Run(*fields) for fields in _RUN.iter_unpack(record.read_bytes())] if record.exists() else []


def install(folder: Path) -> None:
    """Make this module an installed package of actions for who has `folder` on its path."""
    information = folder / "attune_bench-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: attune-bench\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(f"[attune.actions]\nbench = {__name__}\n")


def _named(known: Action[..., Any], ref: str) -> Action[..., Any]:
    return replace(known, ref=ref)


# The registry takes every action in the module's namespace. They share one function and one check of its parameters.
globals().update({f"noop_{queue}": _named(echo, noop_ref(queue)) for queue in range(QUEUES)})
globals().update({f"timed_{queue}": _named(timed, timed_ref(queue)) for queue in range(TIMED)})
