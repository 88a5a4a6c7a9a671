"""A configuration file to begin with, and no variables of whoever runs the tests."""

import os
from pathlib import Path

import pytest

CONNECTIONS = """
database:
  url: postgresql://attune:db-secret@db:5432/attune
message_queue:
  url: amqp://attune:mq-secret@mq:5672/
"""


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction] - pytest uses it
    for name in [name for name in os.environ if name.upper().startswith("ATTUNE__")]:
        monkeypatch.delenv(name)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(CONNECTIONS)
    return path
