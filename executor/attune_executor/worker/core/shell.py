"""`core.shell`: run a program."""

import asyncio
import os
import signal
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from typing import Annotated, Any, Final

import orjson
from pydantic import Field, JsonValue

from attune_executor.worker.environment import for_actions
from attune_executor.worker.registry import ActionError, action

MAX_OUTPUT_BYTES: Final = 256 * 1024
"""Of each of the two streams; what comes after it is read and dropped."""
_CHUNK: Final = 64 * 1024


@action("core.shell")
async def shell(
    argv: Annotated[list[str], Field(min_length=1)] | None = None,
    command: Annotated[str, Field(min_length=1)] | None = None,
    stdin: str | None = None,
    json: JsonValue = None,
    json_output: bool = False,
    timeout_seconds: Annotated[float, Field(gt=0)] | None = None,
) -> dict[str, Any]:
    """Run ``argv`` as it is, or ``command`` through ``/bin/sh``; fails for an exit code other than 0.

    It reads ``stdin``, or ``json`` as JSON. With ``json_output`` what it prints must be JSON, whose value is in
    ``json`` in place of ``stdout``.

    The worker's own settings, which hold credentials, are kept out of the program's environment. After
    ``timeout_seconds`` the program and all that it started are killed.
    """
    if (argv is None) == (command is None):
        raise ActionError("core.shell takes either argv or command: give one of them")
    if stdin is not None and json is not None:
        raise ActionError("core.shell takes either stdin or json: give one of them")
    if json is not None:
        stdin = orjson.dumps(json).decode()
    program = argv if argv is not None else ["/bin/sh", "-c", command or ""]
    try:
        process = await _start(program, PIPE if stdin is not None else asyncio.subprocess.DEVNULL)
    except (OSError, ValueError) as error:
        raise ActionError(f"cannot run {program[0]!r}: {error}") from error
    try:
        async with asyncio.timeout(timeout_seconds):
            (stdout, stdout_cut), (stderr, stderr_cut), _ = await asyncio.gather(
                _read(process.stdout), _read(process.stderr), _feed(process, stdin)
            )
            exit_code = await process.wait()
    except TimeoutError as error:
        raise ActionError(f"killed after {timeout_seconds:g} s; raise timeout_seconds?") from error
    finally:
        await _kill_group(process)
    answer: dict[str, Any] = {"exit_code": exit_code, "stdout": stdout, "stderr": stderr}
    if stdout_cut or stderr_cut:
        answer["truncated"] = [name for name, cut in (("stdout", stdout_cut), ("stderr", stderr_cut)) if cut]
    if exit_code != 0:
        raise ActionError(_reason(exit_code), **answer)
    return _with_json(answer) if json_output else answer


async def _start(program: list[str], stdin: int) -> Process:
    """Start it; where that is cancelled, it and all that it has started by then are killed."""
    starting = asyncio.create_task(
        asyncio.create_subprocess_exec(
            *program,
            stdin=stdin,
            stdout=PIPE,
            stderr=PIPE,
            env=for_actions(),
            start_new_session=True,
        )
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        # asyncio would kill the program alone, and wait for whatever of the rest holds its output.
        with suppress(OSError, ValueError):
            await _kill_group(await starting)
        raise


def _with_json(answer: dict[str, Any]) -> dict[str, Any]:
    try:
        value = orjson.loads(answer["stdout"])
    except orjson.JSONDecodeError as error:
        raise ActionError(f"what the program printed is not JSON: {error}", **answer) from error
    del answer["stdout"]
    return {**answer, "json": value}


def _reason(exit_code: int) -> str:
    if exit_code < 0:
        return f"killed by {signal.Signals(-exit_code).name}"
    return f"exit code {exit_code}"


async def _read(stream: asyncio.StreamReader | None) -> tuple[str, bool]:
    """What comes until the end, up to the limit, and whether there was more."""
    output, more = bytearray(), False
    while stream is not None and (chunk := await stream.read(_CHUNK)):
        room = MAX_OUTPUT_BYTES - len(output)
        output += chunk[:room]
        more = more or len(chunk) > room
    return output.decode("utf-8", "replace"), more


async def _feed(process: Process, text: str | None) -> None:
    if text is None or process.stdin is None:
        return
    # A program need not read all, or any, of its input; it may have ended by now, and its pipe with it.
    if not process.stdin.is_closing():
        with suppress(BrokenPipeError, ConnectionResetError):
            process.stdin.write(text.encode())
            await process.stdin.drain()
    if not process.stdin.is_closing():
        process.stdin.close()


async def _kill_group(process: Process) -> None:
    """Kill the program and all that it started, where anything is left of it."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
