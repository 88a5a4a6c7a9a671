"""Processes are known by more than their id, so that one that took over an id is never killed."""

import os
import subprocess
import sys
import time
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import pytest

from testbed.cluster.localnode import processes

SLEEP = (sys.executable, "-c", "import time; print('started', flush=True); time.sleep(600)")


@pytest.fixture
def sleeper() -> Generator[subprocess.Popen[bytes]]:
    with subprocess.Popen(SLEEP, stdout=subprocess.DEVNULL) as process:  # noqa: S603  # the constant above
        yield process
        process.kill()


def test_a_started_process_outlives_nothing_but_its_kill(tmp_path: Path) -> None:
    log, records = tmp_path / "logs" / "sleeper.log", tmp_path / "records"
    record = processes.start("sleeper", SLEEP, log=log, records=records, environment=dict(os.environ))
    try:
        assert record.is_alive()
        assert processes.recorded(records) == [record]
        assert os.getsid(record.pid) == record.pid
        deadline = time.monotonic() + 60
        while "started" not in processes.log_tail(log):
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        processes.kill([record])
    assert not record.is_alive()
    processes.kill([record])


def test_another_process_of_the_same_id_is_not_taken_for_it(sleeper: subprocess.Popen[bytes]) -> None:
    record = processes.identify("sleeper", sleeper.pid)
    assert record.is_alive()
    earlier = replace(record, start_tick=record.start_tick - 1)
    before_reboot = replace(record, boot_id="00000000-0000-0000-0000-000000000000")
    assert not earlier.is_alive()
    assert not before_reboot.is_alive()
    processes.kill([earlier, before_reboot])
    assert sleeper.poll() is None


def test_a_process_that_ended_but_was_not_waited_for_is_not_alive(sleeper: subprocess.Popen[bytes]) -> None:
    record = processes.identify("sleeper", sleeper.pid)
    os.kill(sleeper.pid, 9)
    deadline = time.monotonic() + 60
    while record.is_alive():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert Path(f"/proc/{sleeper.pid}").exists()


def test_a_record_cut_short_by_a_crash_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "half.json").write_text('{"name": "ha')
    assert processes.recorded(tmp_path) == []


def test_the_tail_of_a_log(tmp_path: Path) -> None:
    log = tmp_path / "some.log"
    assert "no log" in processes.log_tail(log)
    log.write_text("".join(f"line {number}\n" for number in range(100)))
    assert processes.log_tail(log, 2) == "line 98\nline 99"
