"""Cleans up after a test run that died without saying goodbye.

Fixtures stop what they started, but not when their process is killed. So each server has a reaper beside
it: a process of its own session that holds the reading end of a pipe. When the writing end closes, for
whatever reason, it kills what it was told of, removes the directories and containers, and leaves. An
orderly stop uses the same path: it closes the pipe and waits. Everything is named by id: a process by its
id and start time, never by its name.
"""

import contextlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import psutil

KILL_SECONDS = 60


@dataclass(frozen=True)
class _Order:
    kind: Literal["process", "directory", "container"]
    name: str
    created: float = 0.0
    grace_seconds: float = 0.0


class Reaper:
    """The client's end: tell it what to remove, then `close()`, or just die.

    Args:
        held: open files that it shares until all is removed, such as a lock that must not be free before.
    """

    def __init__(self, *, held: Sequence[int] = ()) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, text=True, start_new_session=True, pass_fds=held
        )

    def remove_process(self, process: psutil.Process, *, grace_seconds: float = 0.0) -> None:
        """Have this process and its descendants killed at the end, and asked to stop `grace_seconds` before that."""
        self._tell(_Order("process", str(process.pid), process.create_time(), grace_seconds))

    def remove_directory(self, path: str) -> None:
        """Have this directory removed at the end, after the processes."""
        self._tell(_Order("directory", path))

    def remove_container(self, name: str) -> None:
        """Have this Docker container removed at the end."""
        self._tell(_Order("container", name))

    def close(self) -> None:
        """Remove everything now and wait until it is gone."""
        self._process.communicate()

    def _tell(self, order: _Order) -> None:
        pipe = self._process.stdin
        if pipe is None:
            raise RuntimeError("the reaper was started without its pipe")
        pipe.write(json.dumps(asdict(order)) + "\n")
        pipe.flush()


def kill_tree(root: psutil.Process) -> None:
    """Kill a process and its descendants; the root is stopped first so that it starts no new ones meanwhile."""
    try:
        root.suspend()
        kill_all([root, *root.children(recursive=True)])
    except psutil.NoSuchProcess:
        return


def kill_all(doomed: list[psutil.Process]) -> None:
    """Kill these processes and wait until none runs any more.

    Orphans among them stay in the process table until init collects them, which may take it a second: not waited for.
    """
    for process in doomed:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    deadline = time.monotonic() + KILL_SECONDS
    while any(_runs(process) for process in doomed):
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes {[process.pid for process in doomed]} survive SIGKILL")
        time.sleep(0.01)


def _runs(process: psutil.Process) -> bool:
    try:
        return process.status() not in {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}
    except psutil.NoSuchProcess:
        return False


def _end(order: _Order) -> None:
    """End the tree of a process unless its id has been given to another one since."""
    try:
        process = psutil.Process(int(order.name))
        if process.create_time() != order.created:
            return
        if order.grace_seconds:
            process.terminate()
            deadline = time.monotonic() + order.grace_seconds
            while _runs(process) and time.monotonic() < deadline:
                time.sleep(0.01)
        kill_tree(process)
    except psutil.NoSuchProcess:
        return


def _main() -> None:
    orders = [_Order(**json.loads(line)) for line in sys.stdin]
    for order in orders:
        if order.kind == "process":
            _end(order)
    for order in orders:
        if order.kind == "container":
            subprocess.run(["docker", "rm", "--force", "--volumes", order.name], capture_output=True, check=False)
        elif order.kind == "directory":
            shutil.rmtree(order.name, ignore_errors=True)


if __name__ == "__main__":
    _main()
