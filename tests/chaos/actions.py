"""The actions that are run while things are killed: each tells the history when it begins and when it ends.

Installed in the workers of a chaos run alone, through the entry point that `chaos.pack` writes.
"""

import asyncio
import os
import time
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from attune_executor.worker import action
from chaos.history import Recorder, RunEnded, RunStarted
from chaos.pack import HISTORY_VARIABLE


@cache
def _recorder() -> Recorder:
    return Recorder(Path(os.environ[HISTORY_VARIABLE]))


@contextmanager
def _recorded(key: str) -> Generator[None]:
    run = uuid.uuid4().hex
    _recorder().record(RunStarted(run, key, os.getpid(), time.time()))
    try:
        yield
    finally:
        _recorder().record(RunEnded(run, time.time()))


async def _work(key: str, seconds: float, group: str = "") -> str:
    with _recorded(key):
        await asyncio.sleep(seconds)
    return group


def _block(key: str, seconds: float, group: str = "") -> str:
    with _recorded(key):
        time.sleep(seconds)
    return group


narrow = action("chaos.narrow")(_work)
steady = action("chaos.steady")(_work)
wide = action("chaos.wide")(_work)
grouped = action("chaos.grouped")(_work)
rated = action("chaos.rated")(_work)
blocking = action("chaos.blocking")(_block)
