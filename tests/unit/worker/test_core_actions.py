"""The core pack against real programs and real servers on this machine."""

import asyncio
import os
import re
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import certifi
import pytest
import uvloop

from attune_executor.worker import ActionError
from attune_executor.worker.core import echo, http_get, http_request, shell, sleep
from attune_executor.worker.core.http import MAX_BODY_BYTES, trust
from attune_executor.worker.core.shell import MAX_OUTPUT_BYTES, _feed  # pyright: ignore[reportPrivateUsage] - a race that only it can be shown

ANSWERS = {
    "/hello": b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=latin-1\r\nContent-Length: 5\r\n\r\nhell\xf6",
    "/gone": b"HTTP/1.1 410 Gone\r\nContent-Length: 3\r\n\r\nbye",
    "/moved": b"HTTP/1.1 302 Found\r\nLocation: /hello\r\nContent-Length: 0\r\n\r\n",
    "/long": b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (MAX_BODY_BYTES + 1, b"x" * (MAX_BODY_BYTES + 1)),
    "/silent": b"",
    "/json": b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n{"a": 1}',
    "/no-json": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 3\r\n\r\n{a}",
    "/json-head": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n",
}


@pytest.fixture
async def site() -> AsyncIterator[str]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            path = head.split(b" ")[1].decode()
            length = re.search(rb"(?i)content-length: (\d+)", head)
            content = await reader.readexactly(int(length[1])) if length else b""
            if path == "/echo":
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (len(head) + len(content)))
                writer.write(head + content)
            elif path == "/headers":
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(head), head))
            elif ANSWERS[path]:
                writer.write(ANSWERS[path])

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, writer)
        except asyncio.IncompleteReadError:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_echo_and_sleep() -> None:
    assert await echo(a=1, b=[2]) == {"a": 1, "b": [2]}
    before = time.monotonic()
    await sleep(seconds=0.05)
    assert time.monotonic() - before >= 0.05


async def test_http_get(site: str) -> None:
    answer = await http_get(url=f"{site}/hello")
    assert (answer["status_code"], answer["body"], answer["headers"]["content-length"]) == (200, "hellö", "5")
    assert (await http_get(url=f"{site}/moved"))["body"] == "hellö"
    assert "x-mine: 1" in (await http_get(url=f"{site}/headers", headers={"x-mine": "1"}))["body"]


async def test_http_get_fails_with_the_reason(site: str) -> None:
    with pytest.raises(ActionError, match="HTTP 410 Gone") as gone:
        await http_get(url=f"{site}/gone")
    assert (gone.value.details["status_code"], gone.value.details["body"]) == (410, "bye")
    with pytest.raises(ActionError, match="longer than 524288 bytes"):
        await http_get(url=f"{site}/long")
    with pytest.raises(ActionError, match=r"nothing came for 0\.2 s; raise timeout_seconds"):
        await http_get(url=f"{site}/silent", timeout_seconds=0.2)
    with pytest.raises(ActionError, match="ConnectError"):
        await http_get(url="http://127.0.0.1:1/")
    with pytest.raises(ActionError, match=r"ca_file /nowhere\.pem: .*name a file"):
        await http_get(url=f"{site}/hello", ca_file="/nowhere.pem")


async def test_http_request_sends_what_it_is_given(site: str) -> None:
    posted = (await http_request(url=f"{site}/echo", json={"a": [1, None]}))["body"]
    assert posted.startswith("POST /echo ")
    assert "content-type: application/json\r\n" in posted
    assert posted.endswith('\r\n\r\n{"a":[1,null]}')
    put = (await http_request(url=f"{site}/echo", method="put", body="é", headers={"Content-Type": "text/x"}))["body"]
    assert put.startswith("PUT /echo ")
    assert "Content-Type: text/x\r\n" in put
    assert put.endswith("\r\n\r\né")


async def test_http_request_reads_json(site: str) -> None:
    assert (await http_request(url=f"{site}/json", method="GET"))["json"] == {"a": 1}
    assert "json" not in await http_request(url=f"{site}/json-head", method="HEAD")
    assert "json" not in await http_request(url=f"{site}/hello", method="GET")


async def test_http_request_fails_with_the_reason(site: str) -> None:
    with pytest.raises(ActionError, match="the answer says that it is JSON: ") as failed:
        await http_request(url=f"{site}/no-json", method="GET")
    assert failed.value.details["body"] == "{a}"
    with pytest.raises(ActionError, match=r"DELETE .* HTTP 410 Gone"):
        await http_request(url=f"{site}/gone", method="DELETE")
    with pytest.raises(ActionError, match="either body or json: give one of them"):
        await http_request(url=f"{site}/echo", body="", json={})
    assert (await http_request(url=f"{site}/moved", method="GET"))["status_code"] == 302


async def test_shell_speaks_json() -> None:
    assert await shell(command="cat; echo note >&2", json={"a": [1]}, json_output=True) == {
        "exit_code": 0,
        "json": {"a": [1]},
        "stderr": "note\n",
    }
    with pytest.raises(ActionError, match="what the program printed is not JSON") as failed:
        await shell(command="echo nonsense", json_output=True)
    assert failed.value.details["stdout"] == "nonsense\n"
    with pytest.raises(ActionError, match="either stdin or json"):
        await shell(argv=["cat"], stdin="", json={})


async def test_shell_runs_programs_and_commands() -> None:
    assert await shell(argv=["printf", "%s", "a b"]) == {"exit_code": 0, "stdout": "a b", "stderr": ""}
    assert await shell(command="cat; echo oops >&2", stdin="héllo") == {
        "exit_code": 0,
        "stdout": "héllo",
        "stderr": "oops\n",
    }
    assert (await shell(argv=["true"], stdin="x" * 1_000_000))["exit_code"] == 0, "input need not be read"


async def test_shell_fails_with_the_reason() -> None:
    with pytest.raises(ActionError, match=r"^exit code 3$") as failed:
        await shell(command="echo half; exit 3")
    assert failed.value.details == {"exit_code": 3, "stdout": "half\n", "stderr": ""}
    with pytest.raises(ActionError, match="killed by SIGKILL"):
        await shell(command="kill -9 $$")
    with pytest.raises(ActionError, match="cannot run '/nowhere'"):
        await shell(argv=["/nowhere"])
    for wrong in ({}, {"argv": ["true"], "command": "true"}):
        with pytest.raises(ActionError, match="give one of them"):
            await shell(**wrong)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - wrong on purpose


async def test_shell_keeps_the_workers_settings_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTUNE__MESSAGE_QUEUE__URL", "amqp://user:secret@host/")
    monkeypatch.setenv("ELSE", "kept")
    stdout = (await shell(argv=["env"]))["stdout"]
    assert "secret" not in stdout
    assert "ELSE=kept" in stdout


async def test_shell_cuts_long_output_and_says_so() -> None:
    answer = await shell(argv=[sys.executable, "-c", f"print('x' * {MAX_OUTPUT_BYTES * 3})"])
    assert len(answer["stdout"]) == MAX_OUTPUT_BYTES
    assert answer["truncated"] == ["stdout"]


def started(pid_file: Path) -> bool:
    return pid_file.exists() and pid_file.read_text().strip() != ""


def ended(pid_file: Path) -> bool:
    try:
        status = Path(f"/proc/{pid_file.read_text().strip()}/stat").read_text()
    except FileNotFoundError:
        return True
    return status.rsplit(")", 1)[1].split()[0] == "Z"


async def until(state: Callable[[Path], bool], pid_file: Path) -> None:
    async with asyncio.timeout(60):
        while not state(pid_file):
            await asyncio.sleep(0.01)


async def test_shell_kills_all_that_it_started_when_its_time_is_up(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    with pytest.raises(ActionError, match=r"killed after 0\.3 s"):
        await shell(command=f"sleep 60 & echo $! > {pid_file}; wait", timeout_seconds=0.3)
    await until(ended, pid_file)


async def test_a_cancelled_shell_leaves_nothing_behind(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    running = asyncio.create_task(shell(command=f"sleep 600 & echo $! > {pid_file}; wait"))
    await until(started, pid_file)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await until(ended, pid_file)


async def test_a_shell_that_is_cancelled_while_it_starts_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid_file, start = tmp_path / "pid", asyncio.create_subprocess_exec
    runs, may_return = asyncio.Event(), asyncio.Event()

    async def start_slowly(*program: str, **options: Any) -> asyncio.subprocess.Process:
        process = await start(*program, **options)
        await until(started, pid_file)
        runs.set()
        await may_return.wait()
        return process

    monkeypatch.setattr(asyncio, "create_subprocess_exec", start_slowly)
    running = asyncio.create_task(shell(command=f"sleep 600 & echo $! > {pid_file}; wait"))
    await runs.wait()
    running.cancel()
    await asyncio.sleep(0)
    may_return.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    await until(ended, pid_file)


def test_trusting_a_ca_file_reads_it_anew_when_it_changes(tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    ca_file.write_text("no certificate")
    with pytest.raises(ActionError, match="PEM certificates"):
        trust(str(ca_file))
    ca_file.write_bytes(Path(certifi.where()).read_bytes())
    os.utime(ca_file, (1, 1))
    first = trust(str(ca_file))
    assert trust(str(ca_file)) is first
    os.utime(ca_file, (2, 2))
    assert trust(str(ca_file)) is not first


def test_input_for_a_program_that_has_ended_is_dropped() -> None:
    async def feed() -> None:
        process = await asyncio.create_subprocess_exec("true", stdin=asyncio.subprocess.PIPE)
        await process.wait()
        await _feed(process, "nobody reads this")

    # The loop that workers have: it closes the pipe with the program, and refuses to write to it.
    uvloop.run(feed())
