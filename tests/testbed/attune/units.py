"""What systemd makes of the project's units, on a machine where it does not run: enough of it to type the how-to.

Nothing is hardened or started again here; `tests/integration/test_systemd_units.py` has systemd itself judge the units.
"""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from testbed.attune.processes import HostProcess, ProcessError

_START_SECONDS: Final = 120.0
_SETTING: Final = re.compile(r"^(\w+)=-?(.*)$", re.MULTILINE)


class Units:
    """Starts, reloads and stops the units of ``etc/systemd/system`` below a folder that stands for the root.

    Programs in ``/opt/attune/bin`` are those of this environment. As a context manager it ends all that it started.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._running: dict[str, HostProcess] = {}
        self._heard: dict[str, socket.socket] = {}
        self._statuses: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for process in self._running.values():
            process.end()
        for hearing in self._heard.values():
            hearing.close()

    def systemctl(self, words: Sequence[str]) -> str:
        """Do what ``systemctl`` is told to; return what it prints.

        Raises:
            ProcessError: a unit does not start, or does not stop in order.
            ValueError: it is told what nobody has taught it.
        """
        match words:
            case ["daemon-reload"]:
                pass
            case ["enable", "--now", *units]:
                for unit in units:
                    self._start(unit)
            case ["status", unit]:
                return self._statuses[unit]
            case ["reload", unit]:
                os.kill(self._running[unit].pid, signal.SIGHUP)
            case ["restart", unit]:
                self._stop(unit)
                self._start(unit)
            case ["stop", unit]:
                self._stop(unit)
            case _:
                raise ValueError(f"systemctl {' '.join(words)}")
        return ""

    def journal(self, unit: str) -> Path:
        """The file with what a unit wrote to its log."""
        return self._root / f"{unit}.log"

    def _start(self, unit: str) -> None:
        name, at, instance = unit.partition("@")
        text = (self._root / f"etc/systemd/system/{name}{at}.service").read_text(encoding="utf-8")
        settings = [(key, value.replace("%i", instance)) for key, value in _SETTING.findall(text)]
        environment = self._environment(settings)
        for key, command in settings:
            if key == "ExecStartPre":
                program, *arguments = self._command(command)
                subprocess.run(
                    [Path(sys.executable).with_name(program), *arguments],
                    env={**os.environ, **environment},
                    check=False,
                    capture_output=True,
                )
        (command,) = [value for key, value in settings if key == "ExecStart"]
        hearing = self._heard[unit] = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        environment["NOTIFY_SOCKET"] = address = str(self._root / f"{unit}.notify")
        hearing.bind(address)
        self._running[unit] = HostProcess(unit, self._command(command), environment, self.journal(unit))
        if ("Type", "notify") in settings:
            self._statuses[unit] = self._until_ready(unit, hearing)

    def _stop(self, unit: str) -> None:
        process = self._running.pop(unit)
        code = process.stop()
        # Heard to the end: it says that it stops.
        self._heard.pop(unit).close()
        (self._root / f"{unit}.notify").unlink()
        if code != 0:
            raise ProcessError(f"{unit} did not stop in order:\n{process.log()}")

    def _environment(self, settings: Sequence[tuple[str, str]]) -> dict[str, str]:
        """Of files, the later wins, and each over what the unit says itself."""
        found: dict[str, str] = {}
        for key, value in settings:
            if key == "Environment":
                found |= dict(pair.split("=", 1) for pair in value.split())
        for key, value in settings:
            if key == "EnvironmentFile":
                with suppress(FileNotFoundError):
                    found |= _variables(self._path(value).read_text(encoding="utf-8"))
        return found

    def _command(self, line: str) -> list[str]:
        program, *arguments = line.split()
        return [Path(program).name, *(str(self._path(each)) if each.startswith("/") else each for each in arguments)]

    def _path(self, path: str) -> Path:
        return self._root / path.lstrip("/")

    def _until_ready(self, unit: str, hearing: socket.socket) -> str:
        """The status with which it says that it is ready, as ``Type=notify`` has it."""
        hearing.settimeout(_START_SECONDS)
        try:
            said = hearing.recv(4096).decode()
        except TimeoutError as error:
            raise ProcessError(f"{unit} is not ready:\n{self._running[unit].log()}") from error
        ready, _, status = said.partition("\nSTATUS=")
        if ready != "READY=1":
            raise ProcessError(f"{unit} said {said!r}:\n{self._running[unit].log()}")
        return status


def _variables(text: str) -> dict[str, str]:
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    return dict(line.split("=", 1) for line in lines)
