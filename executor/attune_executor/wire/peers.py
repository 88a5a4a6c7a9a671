"""What executors that share the shards say to each other, in MessagePack: the same types on both sides, exactly."""

from collections.abc import Sequence
from typing import Final, TypeVar

from msgspec import DecodeError, Struct, msgpack

from attune_executor.domain.execution import Ending
from attune_executor.domain.maintenance import Task, TaskReport
from attune_executor.domain.purge import PurgeOrder, PurgeRefused, PurgeReport
from attune_executor.domain.stuck import StuckExecution, StuckQuery
from attune_executor.domain.submission import ExecutionRequest, Intervention, Receipt, Refusal
from attune_executor.domain.throughput import Throughput
from attune_executor.ports.checkup import ExecutorCheckup
from attune_executor.ports.peers import Place, QueuesThere

PEER_PATH: Final = "/peer/v1"
SUBMIT: Final = f"{PEER_PATH}/submit"
CANCEL: Final = f"{PEER_PATH}/cancel"
COMPLETE: Final = f"{PEER_PATH}/complete"
PURGE: Final = f"{PEER_PATH}/purge"
STUCK: Final = f"{PEER_PATH}/stuck"
PLACE: Final = f"{PEER_PATH}/place"
QUEUES: Final = f"{PEER_PATH}/queues"
CHECKUP: Final = f"{PEER_PATH}/checkup"
THROUGHPUT: Final = f"{PEER_PATH}/throughput"
MAINTENANCE: Final = f"{PEER_PATH}/maintenance"
RUN_MAINTENANCE: Final = f"{PEER_PATH}/run-maintenance"

_Kind = TypeVar("_Kind")


class PeerMessageError(Exception):
    """What came is not what the other side sends: it is another release, or no executor."""


class _Outcome(Struct, array_like=True):
    receipt: Receipt | None
    refusal: Refusal | None


class _Purged(Struct, array_like=True):
    report: PurgeReport | None
    refused: PurgeRefused | None


_requests: Final = msgpack.Decoder(list[ExecutionRequest])
_outcomes: Final = msgpack.Decoder(list[_Outcome])
_execution_id: Final = msgpack.Decoder(int)
_completion: Final = msgpack.Decoder(tuple[int, Ending])
_intervention: Final = msgpack.Decoder(Intervention)
_purge_order: Final = msgpack.Decoder(PurgeOrder)
_purged: Final = msgpack.Decoder(_Purged)
_stuck_query: Final = msgpack.Decoder(tuple[StuckQuery, list[int]])
_stuck: Final = msgpack.Decoder(list[StuckExecution])
_place: Final = msgpack.Decoder(Place)
_shards: Final = msgpack.Decoder(list[int])
_queues: Final = msgpack.Decoder(QueuesThere)
_checkup: Final = msgpack.Decoder(ExecutorCheckup)
_ref: Final = msgpack.Decoder(str | None)
_throughput: Final = msgpack.Decoder(list[Throughput])
_task: Final = msgpack.Decoder(Task)
_report: Final = msgpack.Decoder(TaskReport)
_reports: Final = msgpack.Decoder(list[TaskReport])
encode: Final = msgpack.encode
"""Anything that is asked or answered but for outcomes."""


def encode_outcomes(outcomes: Sequence[Receipt | Refusal]) -> bytes:
    """Answers, in order."""
    return msgpack.encode(
        [_Outcome(outcome, None) if isinstance(outcome, Receipt) else _Outcome(None, outcome) for outcome in outcomes]
    )


def decode_requests(body: bytes) -> Sequence[ExecutionRequest]:
    """Requests; raises PeerMessageError."""
    return _decoded(_requests, body)


def decode_outcomes(body: bytes) -> Sequence[Receipt | Refusal]:
    """Answers, in order; raises PeerMessageError."""
    outcomes: list[Receipt | Refusal] = []
    for outcome in _decoded(_outcomes, body):
        answer = outcome.receipt or outcome.refusal
        if answer is None:
            raise PeerMessageError("an answer that is neither a receipt nor a refusal")
        outcomes.append(answer)
    return outcomes


def decode_execution_id(body: bytes) -> int:
    """An execution's id; raises PeerMessageError."""
    return _decoded(_execution_id, body)


def decode_completion(body: bytes) -> tuple[int, Ending]:
    """An execution's id, and how it is to end; raises PeerMessageError."""
    return _decoded(_completion, body)


def decode_intervention(body: bytes) -> Intervention:
    """What a request to end an execution came to; raises PeerMessageError."""
    return _decoded(_intervention, body)


def decode_purge_order(body: bytes) -> PurgeOrder:
    """What is to be purged; raises PeerMessageError."""
    return _decoded(_purge_order, body)


def encode_purged(answer: PurgeReport | PurgeRefused | None) -> bytes:
    """What a purge came to; None where the action is unknown."""
    refused = isinstance(answer, PurgeRefused)
    return msgpack.encode(_Purged(None, answer) if refused else _Purged(answer, None))


def decode_purged(body: bytes) -> PurgeReport | PurgeRefused | None:
    """What a purge came to; raises PeerMessageError."""
    purged = _decoded(_purged, body)
    return purged.report or purged.refused


def decode_stuck_query(body: bytes) -> tuple[StuckQuery, list[int]]:
    """Which executions to look for, in which shards; raises PeerMessageError."""
    return _decoded(_stuck_query, body)


def decode_stuck(body: bytes) -> Sequence[StuckExecution]:
    """Executions that nothing was heard of for long; raises PeerMessageError."""
    return _decoded(_stuck, body)


def decode_place(body: bytes) -> Place:
    """Where an execution waits; raises PeerMessageError."""
    return _decoded(_place, body)


def decode_shards(body: bytes) -> Sequence[int]:
    """Numbers of shards; raises PeerMessageError."""
    return _decoded(_shards, body)


def decode_queues(body: bytes) -> QueuesThere:
    """The queues of shards, and pools of workers; raises PeerMessageError."""
    return _decoded(_queues, body)


def decode_checkup(body: bytes) -> ExecutorCheckup:
    """How it is with an executor; raises PeerMessageError."""
    return _decoded(_checkup, body)


def decode_ref(body: bytes) -> str | None:
    """An action, or None for all; raises PeerMessageError."""
    return _decoded(_ref, body)


def decode_throughput(body: bytes) -> Sequence[Throughput]:
    """What came and what ended, by action; raises PeerMessageError."""
    return _decoded(_throughput, body)


def decode_task(body: bytes) -> Task:
    """A task of maintenance; raises PeerMessageError."""
    return _decoded(_task, body)


def decode_report(body: bytes) -> TaskReport:
    """How a task stands; raises PeerMessageError."""
    return _decoded(_report, body)


def decode_reports(body: bytes) -> Sequence[TaskReport]:
    """How all tasks stand; raises PeerMessageError."""
    return _decoded(_reports, body)


def _decoded(decoder: msgpack.Decoder[_Kind], body: bytes) -> _Kind:
    try:
        return decoder.decode(body)
    except (DecodeError, UnicodeDecodeError) as error:
        raise PeerMessageError(str(error)) from error
