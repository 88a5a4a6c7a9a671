"""A run that is killed outright leaves nothing behind: neither processes nor directories."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil

from integration.worker_process import gone
from testbed.services.program import REPOSITORY

DEADLINE_SECONDS = 60

HOLD_A_SERVER = """
import json, psutil, signal
from testbed.services.postgres import PostgresServer
with PostgresServer(durable=False):
    print(json.dumps([process.pid for process in psutil.Process().children()]), flush=True)
    signal.pause()
"""


def test_sigkill_of_the_run_takes_the_servers_and_their_data_along() -> None:
    run = subprocess.Popen(  # noqa: S603 - this interpreter
        [sys.executable, "-c", HOLD_A_SERVER],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "tests")},
    )
    try:
        assert run.stdout is not None
        pids: list[int] = json.loads(run.stdout.readline())
        data = {Path(process.cwd()) for process in map(psutil.Process, pids)} - {Path.cwd()}
        assert len(pids) == 2, "the server and its reaper"
        assert data, "the server has a directory of its own"
    finally:
        run.kill()
        run.communicate()

    deadline = time.monotonic() + DEADLINE_SECONDS
    while remains := [pid for pid in pids if not gone(pid)] + [path for path in data if path.exists()]:
        assert time.monotonic() < deadline, f"left behind: {remains}"
        time.sleep(0.05)
