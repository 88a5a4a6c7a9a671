"""Cleans up after a test run that died without saying goodbye.

Fixtures stop what they started, but not when their process is killed. So each server has a reaper beside it: a process
of its own session that holds the reading end of a pipe. When the writing end closes, for whatever reason, it kills what
it was told of, removes the directories and containers, and leaves. An orderly stop uses the same path: it closes the pipe
and waits. Everything is named by id: a process by its id and start time, never by its name.
"""

import json
import shutil
import subprocess
import sys
from typing import Literal, TypeAlias

import psutil

Kind: TypeAlias = Literal["process", "directory", "container"]


class Reaper:
    """The client's end: tell it what to remove, then `close()`, or just die."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, text=True, start_new_session=True
        )

    def remove_process(self, process: psutil.Process) -> None:
        """Have this process and its descendants killed at the end."""
        self._tell("process", [process.pid, process.create_time()])

    def remove_directory(self, path: str) -> None:
        """Have this directory removed at the end, after the processes."""
        self._tell("directory", path)

    def remove_container(self, name: str) -> None:
        """Have this Docker container removed at the end."""
        self._tell("container", name)

    def close(self) -> None:
        """Remove everything now and wait until it is gone."""
        self._process.communicate()

    def _tell(self, kind: Kind, value: object) -> None:
        pipe = self._process.stdin
        if pipe is None:
            raise RuntimeError("the reaper was started without its pipe")
        pipe.write(json.dumps([kind, value]) + "\n")
        pipe.flush()


def kill_tree(root: psutil.Process) -> None:
    """Kill a process and its descendants; the root is stopped first so that it starts no new ones meanwhile."""
    try:
        root.suspend()
        doomed = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for process in doomed:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(doomed, timeout=10)


def _kill_same(pid: int, created: float) -> None:
    """Kill the tree of a process unless its id has been given to another one since."""
    try:
        process = psutil.Process(pid)
        if process.create_time() == created:
            kill_tree(process)
    except psutil.NoSuchProcess:
        return


def _main() -> None:
    orders: list[tuple[Kind, object]] = [(order[0], order[1]) for order in map(json.loads, sys.stdin)]
    for kind, value in orders:
        if kind == "process" and isinstance(value, list):
            _kill_same(int(value[0]), float(value[1]))
    for kind, value in orders:
        if kind == "container":
            subprocess.run(["docker", "rm", "--force", "--volumes", str(value)], capture_output=True, check=False)
        elif kind == "directory":
            shutil.rmtree(str(value), ignore_errors=True)


if __name__ == "__main__":
    _main()
