"""Image archives made from files have the shape that `docker save` gives them."""

import hashlib
import json
import tarfile
from pathlib import Path

import pytest

from testbed.cluster.localnode import image_archive
from testbed.cluster.localnode.provider import normalized


def test_an_archive_holds_the_files_and_names_its_layer_by_digest(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"static")
    archive = tmp_path / "image.tar"
    image_archive.write(archive, "example.test/tool:1", {"/bin/tool": program}, ["/bin/tool"])
    with tarfile.open(archive) as image:
        content = {name: opened.read() for name in image.getnames() if (opened := image.extractfile(name))}
        (manifest,) = json.loads(content["manifest.json"])
        configuration = json.loads(content[manifest["Config"]])
        layer = content[manifest["Layers"][0]]
    assert manifest["RepoTags"] == ["example.test/tool:1"]
    assert configuration["config"]["Entrypoint"] == ["/bin/tool"]
    assert configuration["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer).hexdigest()}"]


def test_the_same_files_make_the_same_archive(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"static")
    for name in ("one", "two"):
        image_archive.write(tmp_path / name, "tool:1", {"/tool": program}, ["/tool"])
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize(
    ("reference", "full"),
    [
        ("python", "docker.io/library/python:latest"),
        ("python:3.13", "docker.io/library/python:3.13"),
        ("attune/worker:dev", "docker.io/attune/worker:dev"),
        ("registry.test/attune/worker", "registry.test/attune/worker:latest"),
        ("localhost:5000/worker:1", "localhost:5000/worker:1"),
        ("localhost/worker", "localhost/worker:latest"),
    ],
)
def test_references_in_full(reference: str, full: str) -> None:
    assert normalized(reference) == full
