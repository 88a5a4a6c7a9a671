"""A server as a Docker container of the development image, for machines without PostgreSQL's and RabbitMQ's
programs.
"""

import os
import signal
import subprocess
import uuid

from testbed.images.development import ensure_service_image
from testbed.reaper import Reaper
from testbed.services.program import Description

LOG_LINES = 25


def docker_answers() -> bool:
    """Tell whether a Docker daemon can be reached."""
    return subprocess.run(["docker", "version"], capture_output=True, check=False).returncode == 0


class ContainerProgram:
    """A server in a container that lives from the first `start` to `discard`, so that its data outlive a stop."""

    def __init__(self, description: Description) -> None:
        self._description = description
        self._container = f"attune-{description.name}-{uuid.uuid4().hex[:12]}"
        self._created = False
        self._reaper = Reaper()

    def start(self) -> None:
        if not self._created:
            self._create()
        _docker("start", self._container)

    def is_running(self) -> bool:
        return _docker("inspect", "--format", "{{.State.Running}}", self._container).strip() == "true"

    def stop(self) -> None:
        _docker("kill", "--signal", signal.Signals(self._description.stop_signal).name, self._container)
        _docker("wait", self._container)

    def kill(self) -> None:
        _docker("kill", "--signal", "KILL", self._container)
        _docker("wait", self._container)

    def pause(self) -> None:
        _docker("pause", self._container)

    def resume(self) -> None:
        _docker("unpause", self._container)

    def log_tail(self) -> str:
        return _docker("logs", "--tail", str(LOG_LINES), self._container)

    def discard(self) -> None:
        self._reaper.close()

    def _create(self) -> None:
        # Values travel in the environment of the docker program: its arguments are for everyone to see.
        variables = {"SERVICE_ADDRESS": "0.0.0.0", **self._description.environment}  # noqa: S104 - inside the container
        published = [f"--publish=127.0.0.1:{port}:{port}" for port in self._description.ports]
        forwarded = [f"--env={name}" for name in variables]
        self._reaper.remove_container(self._container)
        _docker(
            "create",
            f"--name={self._container}",
            *published,
            *forwarded,
            ensure_service_image(),
            self._description.script,
            environment=variables,
        )
        self._created = True


def _docker(*arguments: str, environment: dict[str, str] | None = None) -> str:
    """Run a docker command; return what it printed, both streams in one. Raises with that text when it fails."""
    outcome = subprocess.run(
        ["docker", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env={**os.environ, **(environment or {})},
    )
    if outcome.returncode != 0:
        raise RuntimeError(f"docker {arguments[0]} failed: {outcome.stdout.strip()}")
    return outcome.stdout
