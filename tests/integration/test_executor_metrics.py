"""What an executor that runs answers to Prometheus: all that its alerts, its dashboard and its reference speak of."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from testbed.attune.processes import HostProcess
from testbed.monitoring.exported import series
from testbed.services.ports import free_port

DEADLINE_SECONDS = 60.0


@pytest.fixture
def executor(tmp_path: Path, migrated_url: str, amqp_url: str) -> Iterator[tuple[HostProcess, httpx.Client]]:
    port = free_port()
    variables = {
        "ATTUNE__DATABASE__URL": migrated_url,
        "ATTUNE__MESSAGE_QUEUE__URL": amqp_url,
        "ATTUNE__API__PORT": str(port),
        "ATTUNE__POLICIES__ACTIONS": '{"core.echo": {"concurrency_limit": 1}}',
    }
    process = HostProcess("executor", ["attune-executor", "run"], variables, tmp_path / "executor.log")
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=DEADLINE_SECONDS) as api:
        try:
            yield process, api
            assert process.stop() == 0, process.log()
            assert "Traceback" not in process.log()
        finally:
            process.end()


def scrape(api: httpx.Client) -> dict[str, float]:
    """The sum of each series."""
    try:
        answer = api.get("/metrics")
    except httpx.TransportError:
        return {}
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0) + sample.value
    return found


def test_it_exports_all_that_is_documented(executor: tuple[HostProcess, httpx.Client]) -> None:
    process, api = executor
    # Scaling is the operator's.
    wanted = {name for name in series() if not name.startswith("attune_scaling_")}
    deadline = time.monotonic() + DEADLINE_SECONDS
    while wanted - scrape(api).keys():
        assert process.running, process.log()
        assert time.monotonic() < deadline, (wanted - scrape(api).keys(), process.log())
        time.sleep(0.1)
    assert api.post("/api/v1/executions", json={"action_ref": "core.echo"}).status_code == 201

    found = scrape(api)
    assert {name for name in found if name.startswith("attune_")} == wanted
    assert found["attune_engine_serving"] == found["attune_database_answers"] == found["attune_broker_connected"] == 1
    assert found["attune_fifo_violations_total"] == 0
    assert found["attune_submission_seconds_count"] == 1
    assert found["attune_commit_seconds_count"] >= 1
    assert found["attune_turn_seconds_count"] >= 1
