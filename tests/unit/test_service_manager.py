"""What a service manager hears of a program that it started."""

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

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


async def watched(alive: bool, seconds: float) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(seconds):
            await ServiceManager().watch(lambda: alive)


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
    await watched(alive=True, seconds=0.2)
    assert set(said := heard(hearing)) == {"WATCHDOG=1"}
    assert len(said) >= 4
    await watched(alive=False, seconds=0.1)
    assert heard(hearing) == []


async def test_a_watchdog_that_is_not_asked_for_or_meant_for_another(
    hearing: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    await watched(alive=True, seconds=0.05)
    monkeypatch.setenv("WATCHDOG_USEC", "1000")
    monkeypatch.setenv("WATCHDOG_PID", "1")
    await watched(alive=True, seconds=0.05)
    assert heard(hearing) == []


async def test_without_a_manager_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    ServiceManager().ready("")
