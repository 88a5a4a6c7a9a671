"""The systemd units: accepted by systemd, hardened, and in step with what the programs do."""

import contextlib
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from attune_executor import cli
from attune_executor.api.settings import ApiSettings
from attune_executor.domain.policy import DEFAULT_POOL
from attune_executor.worker import cli as worker_cli
from attune_executor.worker.settings import WorkerSettings
from testbed import debian
from testbed.attune.processes import AttuneProcesses, HostProcess
from testbed.services.ports import free_port

UNITS = Path(__file__).parents[2] / "manifests" / "systemd"
EXECUTOR = "attune-executor.service"
WORKER = "attune-worker@.service"
DEADLINE_SECONDS = 60.0


def settings_of(unit: str) -> dict[str, list[str]]:
    """A unit's settings; one that is written several times has a value for each."""
    settings: dict[str, list[str]] = {}
    for line in (UNITS / unit).read_text(encoding="utf-8").splitlines():
        if "=" in line and not line.startswith("#"):
            key, value = line.split("=", 1)
            settings.setdefault(key, []).append(value)
    return settings


def seconds(span: str) -> int:
    number, unit = span.rstrip("smin"), span.lstrip("0123456789")
    return int(number) * {"s": 1, "min": 60}[unit]


def until(reached: Callable[[], bool], process: HostProcess) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not reached():
        assert process.running, process.log()
        assert time.monotonic() < deadline, process.log()
        time.sleep(0.05)


def until_silent(hearing: socket.socket) -> None:
    """Hear what was on its way, until nothing comes for longer than the watchdog would wait."""
    hearing.settimeout(1)
    with contextlib.suppress(TimeoutError):
        for _ in range(100):
            hearing.recv(4096)
        raise AssertionError("it goes on")


@pytest.fixture(scope="module")
def systemd_analyze() -> str:
    if shutil.which("systemd-analyze") is None:
        if not debian.can_install():
            pytest.skip("systemd-analyze is not installed, and only root on Debian can install it here")
        debian.ensure_packages(["systemd"])
    program = shutil.which("systemd-analyze")
    assert program is not None
    return program


@pytest.fixture
def units(tmp_path: Path) -> list[str]:
    """The units, for the programs under test in place of installed ones."""
    programs = str(Path(sys.executable).parent)
    paths: list[str] = []
    for name, instance in ((EXECUTOR, EXECUTOR), (WORKER, "attune-worker@1.service")):
        text = (UNITS / name).read_text(encoding="utf-8")
        assert "/opt/attune/bin/" in text
        (tmp_path / instance).write_text(text.replace("/opt/attune/bin", programs))
        paths.append(str(tmp_path / instance))
    return paths


def test_systemd_accepts_them(systemd_analyze: str, units: list[str]) -> None:
    result = subprocess.run([systemd_analyze, "verify", *units], capture_output=True, text=True, check=False)  # noqa: S603 - systemd's own
    assert (result.returncode, result.stdout + result.stderr) == (0, "")


def test_systemd_would_notice_a_mistake(systemd_analyze: str, units: list[str]) -> None:
    path = Path(units[0])
    path.write_text(path.read_text().replace("RestartSec=", "RestartSecs="))
    result = subprocess.run([systemd_analyze, "verify", *units], capture_output=True, text=True, check=False)  # noqa: S603 - systemd's own
    assert "RestartSecs" in result.stderr


@pytest.mark.parametrize(("index", "exposure"), [(0, 15), (1, 25)])
def test_they_are_hardened(systemd_analyze: str, units: list[str], index: int, exposure: int) -> None:
    """Exposure in tenths, of 100 for a unit without hardening."""
    result = subprocess.run(  # noqa: S603 - systemd's own
        [systemd_analyze, "security", "--offline=true", "--no-pager", f"--threshold={exposure}", units[index]],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_only_exit_codes_that_a_restart_cannot_mend_prevent_it() -> None:
    (executor,) = settings_of(EXECUTOR)["RestartPreventExitStatus"]
    assert {int(code) for code in executor.split()} == {cli.EXIT_CONFIGURATION, cli.EXIT_TAKEN_OVER}
    (worker,) = settings_of(WORKER)["RestartPreventExitStatus"]
    assert int(worker) == worker_cli.EXIT_CONFIGURATION
    for unit in (EXECUTOR, WORKER):
        assert settings_of(unit)["Restart"] == ["on-failure"]
        assert settings_of(unit)["StartLimitIntervalSec"] == ["0"]


def test_the_watchdog_waits_longer_than_a_turn_may_take() -> None:
    assert seconds(settings_of(EXECUTOR)["WatchdogSec"][0]) > ApiSettings().turn_stall_seconds


def test_a_worker_may_drain_before_it_is_killed() -> None:
    settings = settings_of(WORKER)
    variables = dict(pair.split("=") for pair in settings["Environment"][0].split())
    assert seconds(settings["TimeoutStopSec"][0]) > float(variables["ATTUNE__WORKER__DRAIN_SECONDS"])


def test_a_worker_takes_the_units_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for pair in settings_of(WORKER)["Environment"][0].split():
        monkeypatch.setenv(*pair.split("="))
    monkeypatch.setenv("ATTUNE__MESSAGE_QUEUE__URL", "amqp://broker/")
    settings = WorkerSettings(message_queue={}, worker={})  # pyright: ignore[reportArgumentType] - completed from the environment
    assert (settings.worker.pool, settings.worker.drain_seconds) == (DEFAULT_POOL, 300)


def test_no_credentials_in_the_units() -> None:
    for unit in (EXECUTOR, WORKER):
        assert not any("URL" in value for value in settings_of(unit).get("Environment", []))
        assert settings_of(unit)["EnvironmentFile"][0] == "-/etc/attune/attune.env"


@pytest.fixture
def hearing(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(DEADLINE_SECONDS)
        yield listening


def test_what_the_unit_asks_for_is_said(
    tmp_path: Path, hearing: socket.socket, migrated_url: str, amqp_url: str
) -> None:
    """Type=notify and WatchdogSec= are real: as systemd would hear them."""
    configuration: dict[str, Any] = {
        "api": {"port": free_port()},
        "policies": {"actions": {"core.echo": {"concurrency_limit": 3}}},
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(configuration))
    process = HostProcess(
        "executor",
        ["attune-executor", "run", "--config", str(tmp_path / "config.yaml")],
        {
            "ATTUNE__DATABASE__URL": migrated_url,
            "ATTUNE__MESSAGE_QUEUE__URL": amqp_url,
            "NOTIFY_SOCKET": str(tmp_path / "notify"),
            "WATCHDOG_USEC": "300000",
        },
        tmp_path / "executor.log",
    )
    try:
        said = {hearing.recv(4096).decode() for _ in range(5)}
        assert said == {"WATCHDOG=1", "READY=1\nSTATUS=1 policies in force"}, process.log()
        process.pause()
        until_silent(hearing)
        process.resume()
        hearing.settimeout(DEADLINE_SECONDS)
        assert hearing.recv(4096) == b"WATCHDOG=1"
        assert process.stop() == 0, process.log()
        heard = ""
        while heard != "STOPPING=1":
            heard = hearing.recv(4096).decode()
    finally:
        process.end()


def test_the_journal_has_what_the_runbook_looks_for(tmp_path: Path, migrated_url: str, amqp_url: str) -> None:
    """`journalctl -u attune-executor | grep CompletionListener`, and `grep "notify_completion"`."""
    with AttuneProcesses(tmp_path, migrated_url, amqp_url, {"core.echo": {"concurrency_limit": 1}}) as attune:
        executor = attune.executor()
        attune.worker()

        def accepted() -> bool:
            answer = httpx.post(f"{attune.url}/api/v1/executions", json={"action_ref": "core.echo"}, timeout=60)
            return answer.is_success

        until(accepted, executor)
        until(lambda: "notify_completion" in executor.log(), executor)
        lines = executor.log().splitlines()
        assert [line for line in lines if "CompletionListener" in line and "listens" in line]
        assert [line for line in lines if "CompletionListener" in line and "notify_completion" in line]
        assert executor.stop() == 0
