"""What happened, as those saw it to whom it happened: clients, workers, and the killer.

Everyone appends to one file, an event a line, by one write each, so that it survives the SIGKILL of whoever wrote it.
All times are Unix seconds of this machine's one clock, the clock that PostgreSQL's timestamps come from too.
"""

import os
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias

import msgspec


class Part(StrEnum):
    """What can be killed."""

    EXECUTOR = "executor"
    WORKER = "worker"
    POSTGRES = "postgres"
    RABBITMQ = "rabbitmq"


class Outcome(StrEnum):
    """What a client knows of its request once it has the answer, or has lost hope of one."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class Submitted(msgspec.Struct, frozen=True, tag="submitted"):
    """A client asks for an execution; more than once under the same key where it does not know the outcome.

    ``group`` is the value that the action's queue is divided by, empty where it is not.
    """

    key: str
    action: str
    group: str
    at: float


class Answered(msgspec.Struct, frozen=True, tag="answered"):
    """The client has its answer; ``execution_id`` and ``position`` (0: no longer waiting) where it is accepted."""

    key: str
    outcome: Outcome
    at: float
    status: int | None = None
    execution_id: int | None = None
    position: int | None = None


class CancelAsked(msgspec.Struct, frozen=True, tag="cancel_asked"):
    """A client asks for the end of an execution."""

    key: str
    execution_id: int
    at: float


class CompleteAsked(msgspec.Struct, frozen=True, tag="complete_asked"):
    """A client says how an execution ended, in its worker's place; ``word`` is told by no other end."""

    key: str
    execution_id: int
    status: str
    word: str
    at: float


class CompleteAnswered(msgspec.Struct, frozen=True, tag="complete_answered"):
    """The client is told that the execution has ended as it said."""

    key: str
    word: str
    at: float


class PurgeAsked(msgspec.Struct, frozen=True, tag="purge_asked"):
    """A client purges the queue of an action, under a name of its own."""

    purge: str
    action: str
    at: float


class PurgeAnswered(msgspec.Struct, frozen=True, tag="purge_answered"):
    """The client is told what its purge came to: of all up to this queue order, so many cancelled, so many waiting."""

    purge: str
    cancelled: int
    remaining: int
    up_to: int
    at: float


class RunStarted(msgspec.Struct, frozen=True, tag="run_started"):
    """A worker process begins to run the execution of ``key``; ``run`` names this run."""

    run: str
    key: str
    worker: int
    at: float


class RunEnded(msgspec.Struct, frozen=True, tag="run_ended"):
    """The run is done, and about to be reported."""

    run: str
    at: float


class Disturbed(msgspec.Struct, frozen=True, tag="disturbed"):
    """Something is done to a part of the system, at ``at`` at the earliest; ``blow`` says what, ``pid`` to whom."""

    part: Part
    blow: str
    pid: int
    at: float


class WorkerEnded(msgspec.Struct, frozen=True, tag="worker_ended"):
    """Nothing of this worker process runs after ``at``."""

    pid: int
    at: float


class Woke(msgspec.Struct, frozen=True, tag="woke"):
    """A paused executor went on after another one had taken its queues over.

    ``exit_code`` is what it ended with; None where it did not end within the time that it was given.
    """

    pid: int
    at: float
    exit_code: int | None


class LimitSet(msgspec.Struct, frozen=True, tag="limit_set"):
    """A concurrency limit, in force somewhere between ``asked_at`` and ``in_force_at`` and from then on."""

    action: str
    limit: int
    asked_at: float
    in_force_at: float


class RateSet(msgspec.Struct, frozen=True, tag="rate_set"):
    """Of an action, no more than `max_executions` may start within any `window_seconds`; in force from the start."""

    action: str
    max_executions: int
    window_seconds: float


Event: TypeAlias = (
    Submitted
    | Answered
    | CancelAsked
    | CompleteAsked
    | CompleteAnswered
    | PurgeAsked
    | PurgeAnswered
    | RunStarted
    | RunEnded
    | Disturbed
    | WorkerEnded
    | Woke
    | LimitSet
    | RateSet
)

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder[Event](Event)


class Recorder:
    """Appends events to a file that others append to at the same time."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        os.close(self._file)

    def record(self, event: Event) -> None:
        """Write one event; it is in the file when this returns."""
        # The newline in front sets off what a writer that was killed amid its line has left.
        line = b"\n" + _encoder.encode(event) + b"\n"
        if os.write(self._file, line) != len(line):
            raise OSError("the history was written in part: is the disk full?")


class History(msgspec.Struct, frozen=True):
    """Events in the order of the file; ``torn`` counts lines that someone was killed amid writing."""

    events: tuple[Event, ...]
    torn: int = 0

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file that Recorders wrote."""
        return cls.parse(path.read_bytes().split(b"\n"))

    @classmethod
    def parse(cls, lines: Iterable[bytes]) -> Self:
        """Events from lines; those that are none are counted."""
        events: list[Event] = []
        torn = 0
        for line in lines:
            if not line:
                continue
            try:
                events.append(_decoder.decode(line))
            except msgspec.DecodeError:
                torn += 1
        return cls(tuple(events), torn)
