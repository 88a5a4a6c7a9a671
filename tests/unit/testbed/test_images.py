"""What an image is made from, and the places that must name the same thing."""

import re
from pathlib import Path

import pytest

from testbed import pins
from testbed.images.build import progress_of
from testbed.images.catalog import FLOATING_TAG, IMAGES, OPERATOR, SERVICES, WORKER, Image
from testbed.services.program import REPOSITORY

DOCKERFILE = (REPOSITORY / "Dockerfile").read_text()


def _image(folder: Path, target: str | None = None) -> Image:
    return Image("thing", folder, (), ("Dockerfile", "source"), target)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "source" / "deep").mkdir(parents=True)
    (tmp_path / "source" / "deep" / "code.py").write_text("1\n")
    return tmp_path


def test_the_same_files_make_the_same_tag(folder: Path) -> None:
    assert _image(folder).tag == _image(folder).tag


@pytest.mark.parametrize("changed", ["Dockerfile", "source/deep/code.py", "source/new.py"])
def test_a_changed_or_new_file_makes_another_tag(folder: Path, changed: str) -> None:
    before = _image(folder).tag
    (folder / changed).write_text("2\n")
    assert _image(folder).tag != before


def test_targets_of_one_dockerfile_have_tags_of_their_own(folder: Path) -> None:
    assert _image(folder, "a").tag != _image(folder, "b").tag


def test_what_is_generated_or_beside_the_inputs_does_not_count(folder: Path) -> None:
    before = _image(folder).tag
    (folder / "source" / "__pycache__").mkdir()
    (folder / "source" / "__pycache__" / "code.pyc").write_bytes(b"\0")
    (folder / "notes.txt").write_text("not an input\n")
    assert _image(folder).tag == before


def test_an_image_keeps_the_tag_of_what_it_read(folder: Path) -> None:
    image = _image(folder)
    before = image.tag
    (folder / "source" / "deep" / "code.py").write_text("2\n")
    assert image.tag == before
    assert image.files["source/deep/code.py"] == b"1\n"


def test_a_worker_is_not_made_from_the_operators_code() -> None:
    assert not [name for name in WORKER.files if name.startswith("operator/attune_operator")]
    assert [name for name in OPERATOR.files if name.startswith("operator/attune_operator")]


def test_the_dockerfiles_build_on_the_pinned_images() -> None:
    assert f"\nARG PYTHON_IMAGE={pins.PYTHON_IMAGE}\n" in DOCKERFILE
    stages = set(re.findall(r"^FROM \S+ AS (\S+)", DOCKERFILE, re.MULTILINE))
    foreign = set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) - stages
    assert foreign == {"${PYTHON_IMAGE}"}
    services = (SERVICES.folder / "Dockerfile").read_text()
    assert re.findall(r"^FROM (\S+)", services, re.MULTILINE) == [pins.DEBIAN_IMAGE]


def test_images_and_desks_use_the_same_uv() -> None:
    at_the_desk = re.search(r"^UV_VERSION := (\S+)$", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
    in_the_image = re.search(r"^ARG UV_VERSION=(\S+)$", DOCKERFILE, re.MULTILINE)
    assert at_the_desk
    assert in_the_image
    assert at_the_desk[1] == in_the_image[1]


def test_the_manifests_name_the_images_by_their_floating_tag() -> None:
    folders = [REPOSITORY / "manifests" / name for name in ("base", "workers", "overlays/development/services")]
    manifests = "\n".join(path.read_text() for folder in folders for path in folder.glob("*.yaml"))
    named = set(re.findall(r"^\s+image: (\S+)$", manifests, re.MULTILINE))
    assert named == {f"{image.name}:{FLOATING_TAG}" for image in IMAGES}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Step 3/20 : RUN python -m venv /opt/uv", (3, 20)),
        ("#8 [builder 3/9] RUN python -m venv /opt/uv", (3, 9)),
        ("#12 [worker-builder 1/2] COPY executor executor", (1, 2)),
        (" ---> Running in 0123456789ab", None),
        ("#8 0.512 Collecting uv==0.13.9", None),
    ],
)
def test_a_builds_progress_is_read_from_either_builder(line: str, expected: tuple[int, int] | None) -> None:
    assert progress_of(line) == expected
