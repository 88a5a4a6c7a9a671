"""Passwords of the development overlay's pods, in files that its kustomization reads and git does not know.

They are made once and kept: a second `kubectl apply` must find those that the running servers were started with.
"""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from testbed.services.program import REPOSITORY

FOLDER = REPOSITORY / "manifests/overlays/development/services/secrets"


def ensure_secret_files(folder: Path = FOLDER) -> None:
    """Write the passwords of PostgreSQL and RabbitMQ, and the URLs that carry them, unless they are there."""
    passwords, connections = folder / "passwords.env", folder / "connections.env"
    if passwords.exists() and connections.exists():
        return
    folder.mkdir(mode=0o700, exist_ok=True)
    postgres, rabbitmq = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
    _write(passwords, {"postgres": postgres, "rabbitmq": rabbitmq})
    _write(
        connections,
        {
            "database-url": f"postgresql://attune:{postgres}@postgres:5432/attune",
            "message-queue-url": f"amqp://attune:{rabbitmq}@rabbitmq:5672/%2F",
        },
    )


def _write(path: Path, values: Mapping[str, str]) -> None:
    """Write variables, one a line, into a file that only its owner may read, in one piece."""
    unfinished = path.with_suffix(".new")
    with os.fdopen(os.open(unfinished, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
        file.writelines(f"{name}={value}\n" for name, value in values.items())
    unfinished.replace(path)
