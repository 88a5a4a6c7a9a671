"""Runs one action and turns whatever comes of it into a terminal status and a result."""

import asyncio
import re
from collections.abc import Mapping
from functools import partial
from typing import Any, Final, NamedTuple

import structlog
from pydantic_core import PydanticSerializationError, to_json

from attune_executor.domain.execution import ExecutionStatus
from attune_executor.wire.messages import Assignment
from attune_executor.wire.storable import flaw
from attune_executor.worker.parameters import InvalidParametersError
from attune_executor.worker.registry import Action, ActionError
from attune_executor.worker.threads import ActionThreads

MAX_RESULT_BYTES: Final = 1024 * 1024
"""A result travels through the broker into a database row: larger things belong into a store of their own."""

_ESCAPED_NUL: Final = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
_REPLACEMENT: Final = rb"\1\\ufffd"

_log: Final = structlog.get_logger("attune.worker")


class Outcome(NamedTuple):
    """How an execution ended; ``result`` is JSON."""

    status: ExecutionStatus
    result: bytes


async def invoke(actions: Mapping[str, Action[..., Any]], assignment: Assignment, threads: ActionThreads) -> Outcome:
    """Run what ``assignment`` asks for; sync actions in ``threads``.

    Raises:
        asyncio.CancelledError: when the caller is cancelled, and for nothing else that an action does.
    """
    ref = assignment.action_ref
    action = actions.get(ref)
    if action is None:
        return failure(
            f"no action {ref!r} on this worker: install the package that provides it, or send it to another pool;"
            f" here are {', '.join(sorted(actions))}"
        )
    try:
        result = await _call(action, assignment.parameters, threads)
        return _success(result)
    except InvalidParametersError as error:
        return failure(f"invalid parameters for {ref}: {error}")
    except ActionError as error:
        return failure(str(error), **error.details)
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        return failure(f"{ref} was cancelled from within: it awaited something that was cancelled")
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever an action does fails its execution alone
        _log.warning("action raised", execution_id=assignment.execution_id, action=ref, exc_info=error)
        return failure(f"{ref} raised {type(error).__name__}: {error}; the traceback is in this worker's log")


def failure(error: str, **details: Any) -> Outcome:
    """A failed execution, with what went wrong and what to do about it."""
    outcome = _success({"error": error, **details})
    return Outcome(ExecutionStatus.FAILED, outcome.result)


async def _call(action: Action[..., Any], parameters: bytes, threads: ActionThreads) -> Any:
    arguments = action.parameters.bind(parameters)
    if action.is_async:
        return await action.function(**arguments)

    return await threads.run(partial(action.function, **arguments))


def _success(result: Any) -> Outcome:
    try:
        document = to_json(result, inf_nan_mode="null")
    except (PydanticSerializationError, UnicodeEncodeError, ValueError) as error:
        return failure(f"the result is not JSON: {error}; return dicts, lists, strings, numbers or pydantic models")
    if b"\\u0000" in document:
        # Valid JSON, and yet no database text can hold it.
        document = _ESCAPED_NUL.sub(_REPLACEMENT, document)
    if len(document) > MAX_RESULT_BYTES:
        return failure(
            f"the result has {len(document)} bytes of JSON, and {MAX_RESULT_BYTES} are the limit:"
            " store it elsewhere and return where it is"
        )
    if problem := flaw(document):
        return failure(f"the result cannot be kept: {problem}")
    return Outcome(ExecutionStatus.SUCCEEDED, document)
