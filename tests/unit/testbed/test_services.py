"""The parts of the services that need no server."""

import os
import socket
from pathlib import Path

import psutil
import pytest

from testbed.services.ports import FIRST, LAST, free_port
from testbed.services.state import State, forget


def _state(*, holder: int, created: float) -> State:
    return State(holder, created, "postgresql://u:p@127.0.0.1:1/attune", "amqp://u:p@127.0.0.1:2/%2F", "http://x/")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_no_port_is_given_twice_and_all_can_be_bound() -> None:
    ports = [free_port() for _ in range(50)]
    assert len(set(ports)) == 50
    assert all(FIRST <= port < LAST for port in ports)
    for port in ports:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", port))


def test_a_port_in_use_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as listener:
        taken = free_port()
        listener.bind(("127.0.0.1", taken))
        offers = iter([taken - FIRST, taken - FIRST + 1])

        def offer(_: int) -> int:
            return next(offers)

        monkeypatch.setattr("testbed.services.ports._handed_out", set[int]())
        monkeypatch.setattr("secrets.randbelow", offer)
        assert free_port() == taken + 1


def test_services_without_a_state_file_do_not_run() -> None:
    assert State.load() is None


def test_services_whose_holder_lives_run() -> None:
    state = _state(holder=os.getpid(), created=psutil.Process().create_time())
    state.save()
    assert State.load() == state
    forget()
    assert State.load() is None


def test_a_process_that_was_given_the_holders_id_is_not_the_holder() -> None:
    _state(holder=os.getpid(), created=psutil.Process().create_time() - 1).save()
    assert State.load() is None


def test_the_state_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    _state(holder=1, created=0.0).save()
    [file] = (tmp_path / "attune/services").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_environment_is_the_one_that_the_settings_read() -> None:
    environment = _state(holder=1, created=0.0).environment()
    assert set(environment) == {"ATTUNE__DATABASE__URL", "ATTUNE__MESSAGE_QUEUE__URL"}
