"""While packages are installed nothing may start services, and afterwards the machine's own policy stands again."""

from pathlib import Path

import pytest

from testbed import debian

OWN_POLICY = "#!/bin/sh\nexit 104\n"
DENYING_POLICY = "#!/bin/sh\nexit 101\n"


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "policy-rc.d"
    monkeypatch.setattr(debian, "POLICY", path)
    monkeypatch.setattr(debian, "SET_ASIDE", tmp_path / "set-aside")
    return path


def _write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def test_services_are_held_back_where_there_is_no_policy(policy: Path) -> None:
    with debian.services_held_back([]):
        assert debian.policy_verdict() == debian.DENIED
    assert not policy.exists()


def test_a_permissive_policy_is_set_aside_and_comes_back(policy: Path) -> None:
    _write(policy, OWN_POLICY)
    with debian.services_held_back([]):
        assert debian.policy_verdict() == debian.DENIED
    assert policy.read_text() == OWN_POLICY


def test_a_denying_policy_is_left_alone(policy: Path) -> None:
    _write(policy, DENYING_POLICY)
    before = policy.stat().st_ino
    with debian.services_held_back([]):
        assert policy.stat().st_ino == before
    assert policy.read_text() == DENYING_POLICY


def test_a_failed_installation_restores_the_policy(policy: Path) -> None:
    _write(policy, OWN_POLICY)
    with pytest.raises(debian.PackageError), debian.services_held_back([]):
        raise debian.PackageError("apt-get could not install it")
    assert policy.read_text() == OWN_POLICY


def test_what_a_killed_installation_left_is_put_right_by_the_next(policy: Path) -> None:
    _write(debian.SET_ASIDE, OWN_POLICY)
    _write(policy, debian.DENY_ALL)
    with debian.services_held_back([]):
        assert debian.policy_verdict() == debian.DENIED
    assert policy.read_text() == OWN_POLICY
    assert not debian.SET_ASIDE.exists()
