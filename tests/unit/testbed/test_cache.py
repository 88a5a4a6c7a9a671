"""Builds in the cache: made once, whole or not at all, and anew when what they are made from changes."""

from pathlib import Path

import pytest

from testbed.cache import Build, cache_root, digest, folder_digest


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "attune"


def test_the_cache_is_where_the_user_says_and_else_in_the_home_folder(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cache_root() == cache
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert cache_root() == Path.home() / ".cache" / "attune"


def test_a_build_is_made_once(cache: Path) -> None:
    made: list[Path] = []

    def make(folder: Path) -> None:
        made.append(folder)
        (folder / "program").write_text("built")

    build = Build("thing", "v1", "abc")
    assert build.ensure(make) == build.ensure(make) == cache / "thing-v1-abc"
    assert len(made) == 1
    assert (build.folder / "program").read_text() == "built"


def test_a_failed_build_leaves_nothing_and_is_tried_again(cache: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_text("")
        raise KeyboardInterrupt

    build = Build("thing", "v1", "abc")
    with pytest.raises(KeyboardInterrupt):
        build.ensure(fail)
    assert [path.name for path in cache.iterdir() if path.is_dir()] == []
    assert build.ensure(lambda folder: (folder / "program").touch()).is_dir()


def test_what_a_killed_build_left_is_removed_by_the_next(cache: Path) -> None:
    (cache / ".building-thing-killed").mkdir(parents=True)
    (cache / ".building-other-under-way").mkdir()
    Build("thing", "v1", "abc").ensure(lambda folder: (folder / "program").touch())
    assert not (cache / ".building-thing-killed").exists()
    assert (cache / ".building-other-under-way").exists()


def test_the_digest_of_a_folder_changes_with_names_contents_and_flags(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "main.go").write_text("package main")
    digests = {folder_digest(source), folder_digest(source, flags=["-tags=a"])}
    (source / "main.go").write_text("package other")
    digests.add(folder_digest(source))
    (source / "main.go").rename(source / "other.go")
    digests.add(folder_digest(source))
    assert len(digests) == 4


def test_a_digest_tells_parts_apart() -> None:
    assert digest([b"ab", b"c"]) != digest([b"a", b"bc"])
