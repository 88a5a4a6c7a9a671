"""Long-lived processes that outlive the command that started them, each remembered in a file.

A process is known by its id, the tick it started at and the machine's boot: an id that was given to another process
since, or before a reboot, never matches.
"""

import json
import os
import signal
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

KILL_SECONDS = 10.0
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_STATE, _START_TICK = 0, 19
"""Positions in /proc/PID/stat of the state and the start time, counted after the name's closing bracket."""


@dataclass(frozen=True)
class ProcessRecord:
    """Which process was started as `name`; `start_tick` counts clock ticks since the boot `boot_id`."""

    name: str
    pid: int
    start_tick: int
    boot_id: str

    def is_alive(self) -> bool:
        """Tell whether this very process still runs."""
        stat = _stat(self.pid)
        return (
            stat is not None
            and self.boot_id == _boot_id()
            and int(stat[_START_TICK]) == self.start_tick
            and stat[_STATE] not in "ZX"
        )


def start(
    name: str, command: Sequence[str], *, log: Path, records: Path, environment: Mapping[str, str]
) -> ProcessRecord:
    """Start `command` in a session of its own, its output appended to `log`, and remember it in `records`.

    Raises:
        OSError: the program is not there or may not be run.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    records.mkdir(parents=True, exist_ok=True)
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    pid = os.posix_spawn(
        command[0],
        [*command],
        environment,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), append, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )
    record = identify(name, pid)
    (records / f"{name}.json").write_text(json.dumps(asdict(record)))
    return record


def identify(name: str, pid: int) -> ProcessRecord:
    """Return the record of a process that exists.

    Raises:
        ProcessLookupError: it does not.
    """
    stat = _stat(pid)
    if stat is None:
        raise ProcessLookupError(f"{name}: no process {pid}")
    return ProcessRecord(name, pid, int(stat[_START_TICK]), _boot_id())


def recorded(records: Path) -> list[ProcessRecord]:
    """Return every record in the folder, by name; an unfinished one, left by a crash, is passed over."""
    found: list[ProcessRecord] = []
    for path in sorted(records.glob("*.json")):
        try:
            found.append(ProcessRecord(**json.loads(path.read_text())))
        except (json.JSONDecodeError, TypeError):
            continue
    return found


def kill(processes: Iterable[ProcessRecord]) -> None:
    """End processes with SIGKILL and wait until all are gone: nothing of the node is kept, so none need tidy up.

    Raises:
        TimeoutError: one survives it.
    """
    doomed = list(processes)
    deadline = time.monotonic() + KILL_SECONDS
    while alive := [process for process in doomed if process.is_alive()]:
        if time.monotonic() >= deadline:
            raise TimeoutError(f"these processes survive SIGKILL: {alive}")
        for process in alive:
            _kill(process)
        time.sleep(0.02)


def log_tail(log: Path, lines: int = 25) -> str:
    """Return the last lines of a log, or a word that there is none."""
    if not log.exists():
        return f"(no log at {log})"
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def _kill(process: ProcessRecord) -> None:
    try:
        os.kill(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # it ended between the look and the signal
    _reap(process.pid)


def _reap(pid: int) -> None:
    """Collect the exit status of a process that this very process started, so that it does not stay as a zombie."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return  # started by an earlier command: init collects it


def _stat(pid: int) -> list[str] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(")")[2].split()


def _boot_id() -> str:
    return BOOT_ID.read_text().strip()
