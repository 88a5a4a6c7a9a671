"""Where the servers run: as processes of this machine, else in Docker from the development image."""

import shutil
from collections.abc import Callable
from functools import cache
from typing import TypeAlias

from testbed import debian
from testbed.services.container import ContainerProgram, docker_answers
from testbed.services.host import HostProgram, missing_programs
from testbed.services.program import Description, Program

PACKAGES = ("postgresql", "rabbitmq-server")

Runner: TypeAlias = Callable[[Description], Program]


class NoRunnerError(RuntimeError):
    """This machine can run the servers in no way that the testbed knows."""


@cache
def choose_runner() -> Runner:
    """Return the way to run servers here, installing Debian's packages when that is what it takes.

    Raises:
        NoRunnerError: no programs, no way to install them, no Docker; the message names all three remedies.
        PackageError: the packages should be installable, and were not.
    """
    if not missing_programs():
        return HostProgram
    if debian.can_install():
        debian.ensure_packages(PACKAGES)
        return HostProgram
    if shutil.which("docker") and docker_answers():
        return ContainerProgram
    raise NoRunnerError(
        f"PostgreSQL and RabbitMQ cannot be run here: {', '.join(missing_programs())} not found. Install PostgreSQL and"
        " RabbitMQ so that these programs are on PATH, or start Docker, or run as root on Debian."
    )
