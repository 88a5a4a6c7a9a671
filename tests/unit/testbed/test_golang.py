"""What is said when a Go program cannot be built: which Go is needed, and where it is."""

from pathlib import Path

import pytest

from testbed import golang, pins

OLD = """#!/bin/sh
if [ "$1" = env ]; then echo %s; exit; fi
echo "go: errors parsing go.mod: invalid go version"
exit 1
"""


def _install_go(folder: Path, version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "go"
    program.write_text(OLD % version)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


@pytest.mark.parametrize("version", ["go1.19.8", "go1.25.1"])
def test_a_go_that_is_too_old_is_told_by_its_version(
    version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _install_go(tmp_path, version, monkeypatch)
    with pytest.raises(golang.GoError) as failed:
        golang.build("Building", tmp_path, tmp_path / "program", [])
    reason = f"go build failed, since {version} is older than Go {pins.GO}, which https://go.dev/dl has:\n"
    assert str(failed.value).startswith(reason)
    assert "invalid go version" in str(failed.value)


@pytest.mark.parametrize("version", [f"go{pins.GO}", f"go{pins.GO}.8", "go1.100", "go2.0", "devel"])
def test_a_go_that_is_new_enough_is_not_blamed(version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _install_go(tmp_path, version, monkeypatch)
    with pytest.raises(golang.GoError) as failed:
        golang.build("Building", tmp_path, tmp_path / "program", [])
    assert str(failed.value).startswith("go build failed:\n")
