"""What `services up` leaves for `services down`, and for a second `up`: who holds the servers, and their URLs.

The file carries passwords and is readable by its owner alone.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import psutil

from testbed.cache import cache_root


def folder() -> Path:
    """Return where the state file and the log of the servers' holder are."""
    return cache_root() / "services"


@dataclass(frozen=True)
class State:
    """Servers that run in the background: their holder by id and start time, and how to reach them."""

    holder: int
    holder_created: float
    database_url: str
    message_queue_url: str
    management_url: str

    @classmethod
    def load(cls) -> Self | None:
        """Return the state of running servers, or None: never started, stopped, or their holder has died."""
        try:
            state = cls(**json.loads(_file().read_text()))
        except FileNotFoundError:
            return None
        return state if state.process() else None

    def save(self) -> None:
        """Write the file in one piece: who reads it sees all of it or none."""
        folder().mkdir(parents=True, exist_ok=True)
        unfinished = _file().with_suffix(".new")
        with os.fdopen(os.open(unfinished, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
            json.dump(asdict(self), file)
        unfinished.replace(_file())

    def process(self) -> psutil.Process | None:
        """Return the holder while it lives; an id that belongs to another process by now does not count."""
        try:
            process = psutil.Process(self.holder)
            same = process.create_time() == self.holder_created and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return None
        return process if same else None

    def environment(self) -> dict[str, str]:
        """Return the variables that point executor and worker at these servers."""
        return {
            "ATTUNE__DATABASE__URL": self.database_url,
            "ATTUNE__MESSAGE_QUEUE__URL": self.message_queue_url,
        }


def forget() -> None:
    """Remove the state file."""
    _file().unlink(missing_ok=True)


def _file() -> Path:
    return folder() / "state.json"
