"""The development overlay's passwords: made once, kept, and for their owner's eyes alone."""

from pathlib import Path

from testbed.services.secrets import ensure_secret_files


def _read(path: Path) -> dict[str, str]:
    pairs = (line.partition("=") for line in path.read_text().splitlines())
    return {name: value for name, _, value in pairs}


def test_the_urls_carry_the_servers_passwords(tmp_path: Path) -> None:
    ensure_secret_files(tmp_path / "secrets")
    passwords = _read(tmp_path / "secrets/passwords.env")
    connections = _read(tmp_path / "secrets/connections.env")
    assert connections == {
        "database-url": f"postgresql://attune:{passwords['postgres']}@postgres:5432/attune",
        "message-queue-url": f"amqp://attune:{passwords['rabbitmq']}@rabbitmq:5672/%2F",
    }
    assert len(passwords["postgres"]) >= 32
    assert passwords["postgres"] != passwords["rabbitmq"]


def test_only_their_owner_may_read_them(tmp_path: Path) -> None:
    ensure_secret_files(tmp_path / "secrets")
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in (tmp_path / "secrets").iterdir()} == {0o600}


def test_they_are_kept(tmp_path: Path) -> None:
    ensure_secret_files(tmp_path)
    before = _read(tmp_path / "passwords.env")
    ensure_secret_files(tmp_path)
    assert _read(tmp_path / "passwords.env") == before


def test_what_an_interrupted_run_left_is_completed_consistently(tmp_path: Path) -> None:
    ensure_secret_files(tmp_path)
    (tmp_path / "connections.env").unlink()
    ensure_secret_files(tmp_path)
    assert _read(tmp_path / "passwords.env")["postgres"] in _read(tmp_path / "connections.env")["database-url"]
