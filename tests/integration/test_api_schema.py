"""The API under schemathesis: whatever a caller sends, the answer is one that the published description has."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
import yaml

from attune_executor.adapters.clock import SystemClock
from attune_executor.adapters.memory import (
    JournalStore,
    MemoryAuthorizer,
    MemoryBroker,
    MemoryExecutionHistory,
    MemoryGrowth,
    MemoryJournal,
    MemoryMaintenance,
    MemoryQueueStatsRepository,
)
from attune_executor.api.app import create_api
from attune_executor.api.rate_limit import SubmissionLimit
from attune_executor.api.server import ApiServer
from attune_executor.api.settings import ApiSettings
from attune_executor.domain.policy import QueuePolicy
from attune_executor.domain.submission import ExecutionRequest
from attune_executor.engine.engine import Engine
from attune_executor.engine.maintenance import Maintenance
from attune_executor.engine.statistics import Statistics
from attune_executor.ports.authorization import Verb
from testbed.attune.processes import AttuneProcesses
from testbed.services.ports import free_port

TOKEN = "0f6d1c2b9e7a48f3"  # noqa: S105 - of this test alone
REF = "core.echo"
DEADLINE_SECONDS = 30
CONFIGURATION = Path(__file__).with_name("schemathesis.toml")


async def serve(settings: ApiSettings, ready: threading.Event, stop: threading.Event) -> None:
    """A real engine on the ports in memory, with executions in every state that callers can bring about."""
    clock, store = SystemClock(), JournalStore()
    statistics = Statistics(clock, MemoryQueueStatsRepository(store))
    journal = MemoryJournal(store)
    maintenance = Maintenance(MemoryMaintenance(journal), clock)
    engine = Engine("test", journal, MemoryBroker(), statistics, clock, maintenance=maintenance)
    running = asyncio.create_task(engine.run())
    await engine.started()
    for ref in (REF, "0"):
        await engine.set_policy(ref, QueuePolicy(concurrency=2, max_queue_length=10))
    await engine.submit([ExecutionRequest(REF, b"{}")] * 5)
    api = create_api(
        engine,
        settings,
        SubmissionLimit(None),
        history=MemoryExecutionHistory(store),
        growth=MemoryGrowth(store),
        authorizer=MemoryAuthorizer({TOKEN: {(verb, None) for verb in Verb}}, {TOKEN}),
    )
    server = ApiServer(api, settings.host, settings.port)
    await server.start()
    ready.set()
    await asyncio.to_thread(stop.wait)
    await server.stop()
    engine.stop()
    await running


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    settings = ApiSettings(port=free_port(), max_body_bytes=10_000, max_batch=20)
    ready, stop = threading.Event(), threading.Event()
    thread = threading.Thread(target=asyncio.run, args=(serve(settings, ready, stop),))
    thread.start()
    assert ready.wait(DEADLINE_SECONDS)
    yield f"http://{settings.host}:{settings.port}"
    stop.set()
    thread.join(DEADLINE_SECONDS)


def check(url: str, examples: int, folder: Path) -> None:
    """Have every operation of the API at ``url`` asked about ``examples`` times, well and badly."""
    finished = subprocess.run(  # noqa: S603 - our own interpreter
        [
            *(sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()"),
            *("--config-file", str(CONFIGURATION), "run", f"{url}/openapi.json"),
            *("--max-examples", str(examples), "--seed", "4", "--generation-database", "none"),
            *("--request-timeout", "60", "--continue-on-failure", "--no-color"),
            *("--header", f"Authorization: Bearer {TOKEN}"),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout[-20_000:] + finished.stderr


@pytest.mark.timeout(0)  # subprocesses of a proof in full take their time
def test_whatever_is_sent_the_answer_is_documented(url: str, full: bool, tmp_path: Path) -> None:
    check(url, 2000 if full else 20, tmp_path)


@pytest.mark.timeout(0)
def test_whatever_is_sent_the_executor_serves_on(database_url: str, amqp_url: str, full: bool, tmp_path: Path) -> None:
    policies = {REF: {"concurrency_limit": 2, "max_queue_length": 10}}
    tokens = tmp_path / "tokens.yaml"
    tokens.write_text(yaml.safe_dump({"tokens": [{"name": "tester", "sha256": sha256(TOKEN.encode()).hexdigest()}]}))
    environment = {"ATTUNE__API__TOKENS_FILE": str(tokens)}
    with AttuneProcesses(tmp_path, database_url, amqp_url, policies, environment) as processes:
        processes.migrate()
        executor = processes.executor()
        processes.worker()
        check(processes.url, 200 if full else 5, tmp_path)
        assert httpx.get(f"{processes.url}/readyz", timeout=20).status_code == 200
        assert "Traceback" not in executor.log()
        assert TOKEN not in executor.log()
        assert executor.stop() == 0
