"""What workers report: executions that started and completed, one or more to a message, and that they are there."""

from collections.abc import Sequence
from typing import Annotated, Final, NamedTuple

from msgspec import Meta, Raw, Struct, json

from attune_executor.domain.errors import PolicyError
from attune_executor.domain.execution import TERMINAL, ExecutionStatus
from attune_executor.domain.policy import check_pool
from attune_executor.domain.records import Finished, Started
from attune_executor.domain.workers import Heartbeat
from attune_executor.wire.envelope import MalformedMessageError, Origin, WireMessage, seal, unseal
from attune_executor.wire.fields import WORKER, Attempt, ExecutionId, Name, UnixSeconds, WorkerName, open_payload
from attune_executor.wire.storable import flaw

_NULL: Final = b"null"

# A message's structs die together with it and hold no cycles: the collector need not look at them.


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


class Reports(NamedTuple):
    """What a worker's message said: one of the three."""

    started: Sequence[Started] = ()
    finished: Sequence[Finished] = ()
    heartbeat: Heartbeat | None = None


_completed: Final = json.Decoder(ExecutionCompleted)
_started: Final = json.Decoder(ExecutionStarted)
_heartbeat: Final = json.Decoder(WorkerHeartbeat)

_encode: Final = json.Encoder().encode


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
        completed = open_payload(_completed, envelope)
        return Reports(finished=[_finished(completed.worker, execution) for execution in completed.executions])
    if envelope.message_type == ExecutionStarted.__name__:
        started = open_payload(_started, envelope)
        return Reports(
            [
                Started(execution.execution_id, execution.attempt, started.worker, execution.started_at)
                for execution in started.executions
            ]
        )
    if envelope.message_type == WorkerHeartbeat.__name__:
        beat = open_payload(_heartbeat, envelope)
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
