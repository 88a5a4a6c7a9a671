"""What a service manager hears of a program that it started."""

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from attune_executor.service_manager import ServiceManager


@pytest.fixture
def hearing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(address)
        listening.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        yield listening


def heard(listening: socket.socket) -> list[str]:
    said: list[str] = []
    while True:
        try:
            said.append(listening.recv(4096).decode())
        except BlockingIOError:
            return said


class EnoughError(Exception):
    """The test has seen what it wanted."""


async def watched(monkeypatch: pytest.MonkeyPatch, alive: bool) -> list[float]:
    """Watch for four rounds, in no time; returns what it meant to sleep between them."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 4:
            raise EnoughError

    with monkeypatch.context() as patch:
        patch.setattr(asyncio, "sleep", sleep)
        with pytest.raises(EnoughError):
            await ServiceManager().watch(lambda: alive)
    return slept


async def says_nothing() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await ServiceManager().watch(lambda: True)


def test_a_manager_that_does_not_hear_harms_nobody(hearing: socket.socket) -> None:
    program = ServiceManager()
    hearing.close()
    with structlog.testing.capture_logs() as logs:
        program.stopping()
    assert [(each["log_level"], each["said"]) for each in logs] == [("warning", "STOPPING=1")]


async def test_it_hears_that_the_program_serves_and_stops(hearing: socket.socket) -> None:
    ServiceManager().ready("3 policies in force")
    ServiceManager().stopping()
    assert heard(hearing) == ["READY=1\nSTATUS=3 policies in force", "STOPPING=1"]


async def test_an_abstract_address(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"attune-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0{name}")
        listening.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
        ServiceManager().stopping()
        assert heard(listening) == ["STOPPING=1"]


async def test_the_watchdog_hears_often_enough_and_only_while_alive(
    hearing: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "60000")
    assert await watched(monkeypatch, alive=True) == [0.02] * 4, "three times within what the manager waits"
    assert heard(hearing) == ["WATCHDOG=1"] * 4
    assert await watched(monkeypatch, alive=False) == [0.02] * 4
    assert heard(hearing) == []


async def test_a_watchdog_that_is_not_asked_for_or_meant_for_another(
    hearing: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    await says_nothing()
    monkeypatch.setenv("WATCHDOG_USEC", "1000")
    monkeypatch.setenv("WATCHDOG_PID", "1")
    await says_nothing()
    assert heard(hearing) == []


async def test_without_a_manager_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    ServiceManager().ready("")
