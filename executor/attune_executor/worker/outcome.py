"""How an execution ends: whatever comes of its action as a terminal status and a result that can be kept."""

import re
from typing import Any, Final, NamedTuple

import structlog
from pydantic_core import PydanticSerializationError, to_json

from attune_executor.domain.execution import ExecutionStatus
from attune_executor.wire.storable import flaw
from attune_executor.worker.parameters import InvalidParametersError
from attune_executor.worker.registry import ActionError

MAX_RESULT_BYTES: Final = 1024 * 1024
"""Unless configured otherwise: it travels through the broker into a database row; larger things belong elsewhere."""

_ESCAPED_NUL: Final = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
_REPLACEMENT: Final = rb"\1\\ufffd"

_log: Final = structlog.get_logger("attune.worker")


class Outcome(NamedTuple):
    """How an execution ended; ``result`` is JSON."""

    status: ExecutionStatus
    result: bytes


def success(result: Any, max_bytes: int = MAX_RESULT_BYTES) -> Outcome:
    """What an action returned; a failure where that cannot be kept, or has more than ``max_bytes`` of JSON."""
    try:
        document = to_json(result, inf_nan_mode="null")
    except (PydanticSerializationError, UnicodeEncodeError, ValueError) as error:
        return failure(f"the result is not JSON: {error}; return dicts, lists, strings, numbers or pydantic models")
    if b"\\u0000" in document:
        # Valid JSON, and yet no database text can hold it.
        document = _ESCAPED_NUL.sub(_REPLACEMENT, document)
    if len(document) > max_bytes:
        return failure(
            f"the result has {len(document)} bytes of JSON, and {max_bytes} are the limit:"
            " store it elsewhere and return where it is, or raise worker.max_result_bytes"
        )
    if problem := flaw(document):
        return failure(f"the result cannot be kept: {problem}")
    return Outcome(ExecutionStatus.SUCCEEDED, document)


def failure(error: str, **details: Any) -> Outcome:
    """A failed execution, with what went wrong and what to do about it."""
    outcome = success({"error": error, **details})
    return Outcome(ExecutionStatus.FAILED, outcome.result)


def raised(error: BaseException, ref: str, execution_id: int) -> Outcome:
    """What an action raised, where it was not stopped."""
    if isinstance(error, InvalidParametersError):
        return failure(f"invalid parameters for {ref}: {error}")
    if isinstance(error, ActionError):
        return failure(str(error), **error.details)
    _log.warning("action raised", execution_id=execution_id, action=ref, exc_info=error)
    return failure(f"{ref} raised {type(error).__name__}: {error}; the traceback is in this worker's log")
