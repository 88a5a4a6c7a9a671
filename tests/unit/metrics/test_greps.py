"""The runbook's greps find what it promises, in JSON and in words."""

import subprocess
import sys

import pytest

PROGRAM = """
import asyncio
from attune_executor.adapters.memory import JournalStore, ManualClock, MemoryBroker, MemoryJournal
from attune_executor.domain.execution import ExecutionStatus
from attune_executor.domain.records import Finished
from attune_executor.engine.engine import Engine
from attune_executor.engine.statistics import Statistics
from attune_executor.observability import LogSettings

LogSettings(format={format!r}).configure()


async def main():
    broker, clock = MemoryBroker(), ManualClock()
    engine = Engine("one", MemoryJournal(JournalStore()), broker, Statistics(clock, None), clock)
    running = asyncio.create_task(engine.run())
    await engine.started()
    broker.report(finished=[Finished(1, 1, ExecutionStatus.SUCCEEDED, b"1", "worker-7", 0.0, 1.0)])
    engine.stop()
    await running


asyncio.run(main())
"""


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_the_log_has_the_words(log_format: str) -> None:
    program = PROGRAM.format(format=log_format)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603 - ours
    lines = done.stderr.splitlines()
    assert [line for line in lines if "queues rebuilt" in line]
    assert [line for line in lines if "CompletionListener listens" in line]
    [completion] = [line for line in lines if "notify_completion" in line]
    assert "CompletionListener" in completion
    assert "worker-7" in completion
