"""The payloads: executions dispatched, started and completed, one or more to a message."""

from collections.abc import Sequence
from typing import Annotated, Final, NamedTuple, TypeAlias, TypeVar

from msgspec import Meta, Raw, Struct, json

from attune_executor.domain.errors import PolicyError
from attune_executor.domain.execution import TERMINAL, ExecutionStatus
from attune_executor.domain.policy import check_pool
from attune_executor.domain.records import Finished, Started
from attune_executor.domain.workers import Heartbeat
from attune_executor.ports.broker import Cancel, Dispatch
from attune_executor.wire.envelope import (
    UNREADABLE,
    Envelope,
    MalformedMessageError,
    Origin,
    WireMessage,
    seal,
    unseal,
)
from attune_executor.wire.storable import flaw

EXECUTOR: Final = "attune-executor"
WORKER: Final = "attune-worker"

_NULL: Final = b"null"

ExecutionId: TypeAlias = Annotated[int, Meta(ge=1, le=2**63 - 1)]
Attempt: TypeAlias = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Name: TypeAlias = Annotated[str, Meta(min_length=1)]
WorkerName: TypeAlias = Annotated[str, Meta(min_length=1, max_length=253, pattern=r"^[^\x00-\x1f]*$")]
Shard: TypeAlias = Annotated[int, Meta(ge=0, le=2**15 - 1)]
Seconds: TypeAlias = Annotated[float, Meta(gt=0)]
UnixSeconds: TypeAlias = Annotated[float, Meta(ge=0, le=253_402_300_799)]  # up to the end of the year 9999

# A message's structs die together with it and hold no cycles: the collector need not look at them.


class DispatchedExecution(Struct, frozen=True, gc=False, omit_defaults=True):
    """One execution to run; ``parameters`` is a JSON object.

    ``timeout_seconds`` bounds the run. ``at_most_once``: do not run it where the broker delivers it again.
    """

    execution_id: ExecutionId
    action_ref: Name
    attempt: Attempt
    parameters: Raw
    timeout_seconds: Seconds | None = None
    at_most_once: bool = False


class ExecutionDispatched(Struct, frozen=True, omit_defaults=True):
    """From the executor to a worker: run these, and report on them to the queues of ``shard``."""

    executions: Annotated[list[DispatchedExecution], Meta(min_length=1)]
    shard: Shard = 0


class CompletedExecution(Struct, frozen=True, gc=False):
    """One execution that reached a terminal status; times in Unix seconds, ``result`` null where there is none."""

    execution_id: ExecutionId
    attempt: Attempt
    status: ExecutionStatus
    result: Raw
    started_at: UnixSeconds | None
    finished_at: UnixSeconds


class ExecutionCompleted(Struct, frozen=True):
    """From a worker: these are done."""

    worker: WorkerName
    executions: Annotated[list[CompletedExecution], Meta(min_length=1)]


class StartedExecution(Struct, frozen=True, gc=False):
    """One execution that began to run, at ``started_at`` in Unix seconds of the worker's clock."""

    execution_id: ExecutionId
    attempt: Attempt
    started_at: UnixSeconds


class ExecutionStarted(Struct, frozen=True):
    """From a worker: these run."""

    worker: WorkerName
    executions: Annotated[list[StartedExecution], Meta(min_length=1)]


class WorkerHeartbeat(Struct, frozen=True):
    """From a worker: I am here, with so many slots, and these are with me, as (execution id, attempt)."""

    worker: WorkerName
    pool: Name
    slots: Annotated[int, Meta(ge=0, le=100_000)]
    draining: bool
    executions: list[tuple[ExecutionId, Attempt]]


class RollCalled(Struct, frozen=True):
    """From an executor to every worker: send a heartbeat to the queue of ``shard``."""

    shard: Shard


class ExecutionCancelled(Struct, frozen=True):
    """From the executor to every worker of a pool: stop these, as (execution id, attempt), and earlier attempts."""

    executions: Annotated[list[tuple[ExecutionId, Attempt]], Meta(min_length=1)]


class Assignment(NamedTuple):
    """What a worker is asked to run; ``parameters`` is a JSON object in UTF-8."""

    execution_id: int
    attempt: int
    action_ref: str
    parameters: bytes
    timeout_seconds: float | None = None
    at_most_once: bool = False
    shard: int = 0


class Reports(NamedTuple):
    """What a worker's message said: one of the three."""

    started: Sequence[Started] = ()
    finished: Sequence[Finished] = ()
    heartbeat: Heartbeat | None = None


class Control(NamedTuple):
    """What an executor told the workers: whom to answer with a heartbeat, or what to stop."""

    roll_call: int | None = None
    cancelled: Sequence[tuple[int, int]] = ()


_dispatched: Final = json.Decoder(ExecutionDispatched)
_completed: Final = json.Decoder(ExecutionCompleted)
_started: Final = json.Decoder(ExecutionStarted)
_heartbeat: Final = json.Decoder(WorkerHeartbeat)
_roll_called: Final = json.Decoder(RollCalled)
_cancelled: Final = json.Decoder(ExecutionCancelled)

_encode: Final = json.Encoder().encode

_Payload = TypeVar("_Payload")


def encode_dispatches(dispatches: Sequence[Dispatch], shard: int = 0) -> WireMessage:
    """One message for executions of the same pool."""
    return seal(
        ExecutionDispatched(
            [
                DispatchedExecution(
                    dispatch.execution_id,
                    dispatch.action_ref,
                    dispatch.attempt,
                    Raw(dispatch.parameters),
                    dispatch.timeout_seconds,
                    dispatch.at_most_once,
                )
                for dispatch in dispatches
            ],
            shard,
        ),
        EXECUTOR,
    )


def encode_roll_call(shard: int) -> WireMessage:
    """Ask for heartbeats."""
    return seal(RollCalled(shard), EXECUTOR)


def encode_cancels(cancels: Sequence[Cancel]) -> WireMessage:
    """One message for the workers of a pool."""
    return seal(ExecutionCancelled([(cancel.execution_id, cancel.attempt) for cancel in cancels]), EXECUTOR)


def decode_control(body: bytes) -> Control:
    """What an executor told the workers.

    Raises:
        MalformedMessageError: when ``body`` is anything else.
    """
    envelope = unseal(body)
    if envelope.message_type == RollCalled.__name__:
        return Control(roll_call=_open(_roll_called, envelope).shard)
    if envelope.message_type == ExecutionCancelled.__name__:
        return Control(cancelled=_open(_cancelled, envelope).executions)
    raise MalformedMessageError(
        f"message_type is {envelope.message_type!r}: a worker obeys RollCalled and ExecutionCancelled"
    )


def decode_dispatches(body: bytes) -> tuple[Origin, list[Assignment]]:
    """What a worker has to run.

    Raises:
        MalformedMessageError: when ``body`` is anything else.
    """
    envelope = unseal(body)
    if envelope.message_type != ExecutionDispatched.__name__:
        raise MalformedMessageError(f"message_type is {envelope.message_type!r}: a worker takes ExecutionDispatched")
    payload = _open(_dispatched, envelope)
    assignments: list[Assignment] = []
    for execution in payload.executions:
        parameters = bytes(execution.parameters)
        if not parameters.startswith(b"{"):
            raise MalformedMessageError(f"payload: parameters of execution {execution.execution_id} are not an object")
        assignments.append(
            Assignment(
                execution.execution_id,
                execution.attempt,
                execution.action_ref,
                parameters,
                execution.timeout_seconds,
                execution.at_most_once,
                payload.shard,
            )
        )
    return envelope.origin, assignments


def encode_completions(
    worker: str, finished: Sequence[Finished], origin: Origin | None = None, retry_count: int = 0
) -> WireMessage:
    """One message for what ``worker`` finished."""
    return seal(
        ExecutionCompleted(
            worker,
            [
                CompletedExecution(
                    record.execution_id,
                    record.attempt,
                    record.status,
                    Raw(_NULL if record.result is None else record.result),
                    record.started_at,
                    record.finished_at,
                )
                for record in finished
            ],
        ),
        WORKER,
        origin,
        retry_count,
    )


def encode_starts(worker: str, started: Sequence[Started]) -> WireMessage:
    """One message for what ``worker`` began to run."""
    return seal(
        ExecutionStarted(
            worker, [StartedExecution(record.execution_id, record.attempt, record.started_at) for record in started]
        ),
        WORKER,
    )


def encode_heartbeat(heartbeat: Heartbeat) -> WireMessage:
    """A worker's answer to a roll call."""
    return seal(
        WorkerHeartbeat(heartbeat.worker, heartbeat.pool, heartbeat.slots, heartbeat.draining, list(heartbeat.held)),
        WORKER,
    )


def decode_reports(body: bytes) -> Reports:
    """What a worker reports.

    Raises:
        MalformedMessageError: when ``body`` is anything else, a completion's status is not terminal, or a heartbeat's
            pool has a name that no pool can have.
    """
    envelope = unseal(body)
    if envelope.message_type == ExecutionCompleted.__name__:
        completed = _open(_completed, envelope)
        return Reports(finished=[_finished(completed.worker, execution) for execution in completed.executions])
    if envelope.message_type == ExecutionStarted.__name__:
        started = _open(_started, envelope)
        return Reports(
            [
                Started(execution.execution_id, execution.attempt, started.worker, execution.started_at)
                for execution in started.executions
            ]
        )
    if envelope.message_type == WorkerHeartbeat.__name__:
        beat = _open(_heartbeat, envelope)
        try:
            check_pool(beat.pool)
        except PolicyError as error:
            raise MalformedMessageError(f"payload: {error}") from error
        return Reports(heartbeat=Heartbeat(beat.worker, beat.pool, beat.slots, beat.draining, beat.executions))
    raise MalformedMessageError(
        f"message_type is {envelope.message_type!r}:"
        " a worker reports ExecutionStarted, ExecutionCompleted or WorkerHeartbeat"
    )


def _finished(worker: str, execution: CompletedExecution) -> Finished:
    if execution.status not in TERMINAL:
        raise MalformedMessageError(
            f"payload: status of execution {execution.execution_id} is {execution.status.value!r}, not a terminal one"
        )
    status, result = execution.status, bytes(execution.result)
    # The others in the message are good, and this one is done: it fails alone, and says why.
    if problem := flaw(result):
        status, result = ExecutionStatus.FAILED, _encode({"error": f"the worker's result cannot be kept: {problem}"})
    return Finished(
        execution.execution_id,
        execution.attempt,
        status,
        None if result == _NULL else result,
        worker,
        execution.started_at,
        execution.finished_at,
    )


def _open(decoder: json.Decoder[_Payload], envelope: Envelope) -> _Payload:
    try:
        return decoder.decode(envelope.payload)
    except UNREADABLE as error:
        raise MalformedMessageError(f"payload: {error}") from error
