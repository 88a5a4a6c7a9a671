"""A server as a process of this machine, in a temporary directory and under an unprivileged user."""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import psutil

from testbed.reaper import Reaper, kill_all, kill_tree
from testbed.services.program import SCRIPTS, Description

STOP_SECONDS = 120
LOG_LINES = 25


def search_path() -> str:
    """Return a PATH that has Debian's unwrapped servers in front: its wrappers insist on the system's own instance."""
    postgresql = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    directories = [*reversed(postgresql), Path("/usr/lib/rabbitmq/bin")]
    return os.pathsep.join([*map(str, directories), os.environ.get("PATH", os.defpath)])


def missing_programs() -> list[str]:
    """Return which of the programs that the start scripts call are not on this machine."""
    path = search_path()
    return [name for name in ("initdb", "postgres", "epmd", "rabbitmq-server") if not shutil.which(name, path=path)]


class HostProgram:
    """A server of this machine; all it writes is in one directory, which `discard` removes."""

    def __init__(self, description: Description) -> None:
        self._description = description
        self._user = self._unprivileged_user()
        self._directory = Path(tempfile.mkdtemp(prefix=f"attune-{description.name}-"))
        self._reaper = Reaper()
        self._reaper.remove_directory(str(self._directory))
        # The checkout may lie where the unprivileged user cannot look.
        script = shutil.copy(SCRIPTS / description.script, self._directory)
        if self._user is not None:
            os.chown(script, self._user.pw_uid, self._user.pw_gid)
            os.chown(self._directory, self._user.pw_uid, self._user.pw_gid)
        self._process: psutil.Popen | None = None

    def start(self) -> None:
        environment = {
            "PATH": search_path(),
            "SERVICE_DIRECTORY": str(self._directory),
            "SERVICE_ADDRESS": "127.0.0.1",
            **self._description.environment,
        }
        with self._log.open("ab") as log:
            self._process = psutil.Popen(
                ["/bin/sh", self._directory / self._description.script],
                cwd=self._directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=self._user.pw_uid if self._user else None,
                group=self._user.pw_gid if self._user else None,
                extra_groups=[] if self._user else None,
            )
        self._reaper.remove_process(self._process)

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        process = self._running()
        family = process.children(recursive=True)
        process.send_signal(self._description.stop_signal)
        try:
            process.wait(STOP_SECONDS)
        except psutil.TimeoutExpired as error:
            raise RuntimeError(
                f"{self._description.name} did not stop within {STOP_SECONDS} s:\n{self.log_tail()}"
            ) from error
        kill_all(family)

    def kill(self) -> None:
        process = self._running()
        kill_tree(process)
        process.wait(STOP_SECONDS)

    def pause(self) -> None:
        process = self._running()
        process.suspend()
        for child in process.children(recursive=True):
            child.suspend()

    def resume(self) -> None:
        process = self._running()
        for child in process.children(recursive=True):
            child.resume()
        process.resume()

    def log_tail(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines() if self._log.exists() else []
        return "\n".join(lines[-LOG_LINES:])

    def discard(self) -> None:
        if self.is_running():
            self.kill()
        self._reaper.close()

    @property
    def _log(self) -> Path:
        return self._directory / "server.log"

    def _running(self) -> psutil.Popen:
        if self._process is None or not self.is_running():
            raise RuntimeError(f"{self._description.name} is not running; the end of its log:\n{self.log_tail()}")
        return self._process

    def _unprivileged_user(self) -> pwd.struct_passwd | None:
        """Return the user to run as when this process is root, which PostgreSQL refuses; else None: as oneself."""
        return pwd.getpwnam(self._description.system_user) if os.geteuid() == 0 else None
