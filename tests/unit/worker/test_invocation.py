"""Whatever an action does ends in a terminal status and a result that can be kept; nothing it does harms the worker."""

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from pydantic import BaseModel

from attune_executor.domain.execution import ExecutionStatus
from attune_executor.wire.dispatches import Assignment
from attune_executor.worker import ActionError, action
from attune_executor.worker.invocation import Invoker
from attune_executor.worker.outcome import MAX_RESULT_BYTES, Outcome
from attune_executor.worker.registry import Action, ActionRegistry, Mode, PackError
from attune_executor.worker.threads import ActionThreads

Run = Callable[..., Any]


def tried_with(*actions: Action[..., Any]) -> Invoker:
    return Invoker(ActionRegistry(actions), 2)


@pytest.fixture
async def run() -> AsyncIterator[Run]:
    invokers: list[Invoker] = []

    async def run(tried: Action[..., Any] | None, parameters: dict[str, Any] | None = None) -> Outcome:
        invoker = tried_with(*([tried] if tried else []))
        invokers.append(invoker)
        assignment = Assignment(1, 1, "test.tried", orjson.dumps(parameters or {}))
        return await asyncio.wait_for(invoker.invoke(assignment, nothing), timeout=60)

    yield run
    for invoker in invokers:
        await invoker.close()


def nothing() -> None:
    """Nobody waits for the beginning."""


class Answer(BaseModel):
    at: datetime


def returning(value: object) -> Action[..., Any]:
    @action("test.tried")
    async def tried() -> object:
        return value

    return tried


def raising(error: BaseException, *, in_thread: bool = False) -> Action[..., Any]:
    if in_thread:

        @action("test.tried")
        def tried() -> None:
            raise error

        return tried

    @action("test.tried")
    async def tried_on_loop() -> None:
        raise error

    return tried_on_loop


def error_of(outcome: Outcome) -> str:
    assert outcome.status is ExecutionStatus.FAILED
    return orjson.loads(outcome.result)["error"]


@pytest.mark.parametrize(
    ("value", "document"),
    [
        (None, b"null"),
        ({"a": (1, 2.5, "é")}, '{"a":[1,2.5,"é"]}'.encode()),
        (Answer(at=datetime(2030, 1, 1, tzinfo=UTC)), b'{"at":"2030-01-01T00:00:00Z"}'),
        (float("nan"), b"null"),
        ("a\0b\\u0000", '"a�b\\\\u0000"'.encode().replace("�".encode(), b"\\ufffd")),
        ("\0\0", b'"\\ufffd\\ufffd"'),
    ],
)
async def test_results_are_json_that_can_be_kept(run: Run, value: object, document: bytes) -> None:
    assert await run(returning(value)) == Outcome(ExecutionStatus.SUCCEEDED, document)


async def test_sync_actions_run_beside_the_loop(run: Run) -> None:
    @action("test.tried")
    def tried(number: int) -> dict[str, Any]:
        return {"number": number, "main": threading.current_thread() is threading.main_thread()}

    assert (await run(tried, {"number": 7})).result == b'{"number":7,"main":false}'


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (object(), "the result is not JSON"),
        ("x" * MAX_RESULT_BYTES, "1048576 are the limit: store it elsewhere and return where it is"),
        ("\ud800", "the result is not JSON"),
        (b"\xff", "the result is not JSON"),
        (10**400, "the result cannot be kept"),
    ],
    ids=["object", "large", "surrogate", "bytes", "number"],
)
async def test_results_that_cannot_be_kept_fail(run: Run, value: object, problem: str) -> None:
    assert problem in error_of(await run(returning(value)))


@pytest.mark.parametrize("in_thread", [False, True])
@pytest.mark.parametrize(
    ("raised", "error"),
    [
        (ZeroDivisionError("by zero"), "test.tried raised ZeroDivisionError: by zero"),
        (SystemExit(3), "test.tried raised SystemExit: 3"),
        (StopIteration(1), "StopIteration"),
        (asyncio.CancelledError(), "test.tried was cancelled from within"),
        (MemoryError(), "test.tried raised MemoryError"),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_whatever_an_action_raises_fails_it_alone(
    run: Run, raised: BaseException, error: str, in_thread: bool
) -> None:
    assert error in error_of(await run(raising(raised, in_thread=in_thread)))


async def test_an_action_says_why_it_failed_in_its_own_words(run: Run) -> None:
    outcome = await run(raising(ActionError("no paper: refill tray 2", tray=2)))
    assert orjson.loads(outcome.result) == {"error": "no paper: refill tray 2", "tray": 2}


async def test_invalid_parameters_and_unknown_actions_name_the_remedy(run: Run) -> None:
    @action("test.tried")
    async def tried(count: int) -> None: ...

    assert error_of(await run(tried, {"count": "many"})).startswith("invalid parameters for test.tried: count: ")
    assert "install the package that provides it" in error_of(await run(None))


async def test_the_limit_of_results_can_be_set() -> None:
    invoker = Invoker(ActionRegistry([returning("x" * 100)]), 1, max_result_bytes=50)
    outcome = await invoker.invoke(Assignment(1, 1, "test.tried", b"{}"), nothing)
    assert "has 102 bytes of JSON, and 50 are the limit" in error_of(outcome)
    await invoker.close()


async def test_cancelling_the_worker_cancels_the_action() -> None:
    cancelled = asyncio.Event()

    @action("test.tried")
    async def tried() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    running = asyncio.create_task(tried_with(tried).invoke(Assignment(1, 1, "test.tried", b"{}"), nothing))
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert cancelled.is_set()


async def test_threads_that_nobody_awaits_are_counted() -> None:
    ended = asyncio.Event()
    threads = ActionThreads(2, ended.set)
    release = threading.Event()
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()

    def wait() -> None:
        loop.call_soon_threadsafe(begun.set)
        release.wait()

    running = asyncio.create_task(threads.run(wait))
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert threads.left_behind == 1
    release.set()
    async with asyncio.timeout(60):
        await ended.wait()
    assert threads.left_behind == 0


def test_the_same_ref_twice_names_both() -> None:
    with pytest.raises(PackError, match=r"'test.tried' is defined twice, in .*test_invocation and .*test_invocation"):
        ActionRegistry([returning(1), returning(2)])


def test_an_action_is_still_the_function() -> None:
    @action("test.double")
    def double(number: int) -> int:
        return 2 * number

    assert double(4) == 8


def test_the_core_pack_is_installed() -> None:
    assert {"core.echo", "core.sleep", "core.http.get", "core.http.request", "core.shell"} <= set(
        ActionRegistry.installed()
    )
    assert "attune_executor.worker.core" in sys.modules


def test_where_an_action_runs_follows_from_its_kind_unless_it_says_otherwise() -> None:
    async def on_loop() -> None: ...
    def in_thread() -> None: ...

    assert [action("a")(each).mode for each in (on_loop, in_thread)] == [Mode.LOOP, Mode.THREAD]
    assert [action("a", run_in="process")(each).mode for each in (on_loop, in_thread)] == [Mode.PROCESS] * 2
    with pytest.raises(ValueError, match=r"'a': an async function runs in 'loop' or 'process', not in 'thread'"):
        action("a", run_in=Mode.THREAD)(on_loop)
    with pytest.raises(ValueError, match="timeout_seconds is 0, it must be above 0"):
        action("a", timeout_seconds=0)
