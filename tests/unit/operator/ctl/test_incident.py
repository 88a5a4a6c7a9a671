"""The archive of an incident: whole or not at all, and what stands in it."""

import asyncio
import stat
import tarfile
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from attune_operator.ctl.errors import CtlError, ForbiddenError, UsageError
from attune_operator.ctl.incident.archive import Archive
from attune_operator.ctl.incident.collecting import Collector
from attune_operator.ctl.incident.command import minutes_of
from attune_operator.ctl.incident.findings import accepted_since, container_ends, order_row, previous_logs, stuck
from attune_operator.ctl.incident.index import Outcome, readme

NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)


async def lines(*given: str, then: Exception | None = None) -> AsyncGenerator[str]:
    for line in given:
        yield line
    if then:
        raise then


def contents(path: Path) -> dict[str, str]:
    with tarfile.open(path) as tar:
        return {name: file.read().decode() for name in tar.getnames() if (file := tar.extractfile(name))}


def listed(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_an_archive_is_for_its_owner_and_has_its_name_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "incident.tar.gz"
    with Archive.create(path, NOW) as archive:
        archive.add("a/one.txt", "1\n")
        assert await archive.stream("two.log", lines("x", "ü")) == 2
        assert await archive.stream("empty.log", lines()) == 0
        assert listed(tmp_path) != [path]
    assert contents(path) == {"incident/a/one.txt": "1\n", "incident/two.log": "x\nü\n"}
    assert mode(path) == 0o600
    assert listed(tmp_path) == [path]


@pytest.mark.parametrize("end", [KeyboardInterrupt, asyncio.CancelledError, RuntimeError])
def test_nothing_is_left_of_an_archive_that_was_broken_off(tmp_path: Path, end: type[BaseException]) -> None:
    def break_off() -> None:
        with Archive.create(tmp_path / "incident.tar.gz", NOW) as archive:
            archive.add("one.txt", "1")
            raise end

    with pytest.raises(end):
        break_off()
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_over(tmp_path: Path) -> None:
    path = tmp_path / "incident.tar.gz"
    path.write_text("mine")
    with pytest.raises(UsageError, match="there already"):
        Archive.create(path, NOW).__enter__()
    assert path.read_text() == "mine"
    with pytest.raises(UsageError, match="cannot write"):
        Archive.create(tmp_path / "no" / "such.tar.gz", NOW).__enter__()


async def test_a_part_that_fails_spoils_no_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Archive.create(tmp_path / "incident.tar.gz", NOW) as archive:
        collector = Collector(archive)

        async def broken_log() -> None:
            await archive.stream("half.log", lines("x", then=CtlError("the connection broke")))

        async def forbidden() -> None:
            raise ForbiddenError("cannot list Nodes: 403")

        async def wrong() -> None:
            raise KeyError("items")

        async def fine() -> None:
            archive.add("fine.txt", "1")

        for what, part in (("log", broken_log), ("nodes", forbidden), ("pods", wrong), ("rest", fine)):
            await collector.part(what, part)
    assert collector.outcomes == [
        Outcome("log", {"half.log": 2}, "the connection broke"),
        Outcome("nodes", {}, "cannot list Nodes: 403"),
        Outcome("pods", {}, "KeyError: 'items'"),
        Outcome("rest", {"fine.txt": 1}, None),
    ]
    assert "- nodes: cannot list Nodes: 403\n" in capsys.readouterr().err
    text = readme(collector.outcomes, now=NOW, command="attune incident", mask="[X]", minutes=10, payloads=False)
    assert "NOT WHOLE (3)" in text
    assert "  nodes: cannot list Nodes: 403" in text
    assert "rest\n  fine.txt  (1 bytes)" in text
    assert "left out" in text


def test_how_containers_ended_is_read_out_of_pods() -> None:
    killed = {"exitCode": 137, "reason": "OOMKilled", "finishedAt": "2026-12-01T11:59:00Z"}
    pod: dict[str, Any] = {
        "metadata": {"namespace": "a", "name": "p"},
        "status": {
            "initContainerStatuses": [{"name": "init", "restartCount": 0, "state": {"running": {}}}],
            "containerStatuses": [
                {
                    "name": "main",
                    "restartCount": 3,
                    "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                    "lastState": {"terminated": killed},
                }
            ],
        },
    }
    assert container_ends([pod]) == [
        "a/p main: 3 restarts",
        "a/p main: state waiting: reason=CrashLoopBackOff",
        "a/p main: lastState terminated: exitCode=137, finishedAt=2026-12-01T11:59:00Z, reason=OOMKilled",
    ]
    assert previous_logs([pod]) == {("p", "main")}
    assert container_ends([]) == ["no container has ended or waits"]


def test_executions_of_the_last_hour_and_those_that_hang() -> None:
    def row(number: int, age: timedelta) -> dict[str, object]:
        moment = (NOW - age).isoformat()
        return {"id": number, "action_id": 5, "status": "running", "created": moment, "updated": moment}

    page = [row(3, timedelta(minutes=1)), row(2, timedelta(minutes=11)), row(1, timedelta(hours=2))]
    assert [each["id"] for each in accepted_since(page, NOW - timedelta(hours=1))] == [3, 2]
    assert [each["id"] for each in stuck(page, NOW)] == [2, 1]
    assert order_row(page[0]).split("\t")[:3] == ["3", "5", "running"]


def test_how_far_back_logs_go() -> None:
    assert [minutes_of(text) for text in ("90s", "30m", "2h", "60")] == [1.5, 30, 120, 1]
    for text in ("", "0m", "soon", "-1m", "1d"):
        with pytest.raises(UsageError, match="--since"):
            minutes_of(text)
