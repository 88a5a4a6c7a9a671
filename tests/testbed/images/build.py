"""Builds images and keeps them as archives in the cache: what is there needs no Docker daemon any more."""

import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from testbed.cache import Build, cache_root
from testbed.images.base_images import ensure_base_image
from testbed.images.catalog import FLOATING_TAG, Image
from testbed.images.docker import Docker, docker_daemon
from testbed.progress import step

ARCHIVE = "image.tar"
KEPT_ARCHIVES = 3
FORWARDED = (
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
    *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX"),
)
"""Settings of this machine that a build needs to reach package indexes; given by name, since values may be secret."""

_STEP = re.compile(r"^Step (\d+)/(\d+) |^#\d+ \[[^\]]*?(\d+)/(\d+)\]")
"""How a build says where it is: the classic builder's line, or BuildKit's plain one."""


def ensure_archives(images: Sequence[Image]) -> list[Path]:
    """Return an archive of each image as `docker save` writes it, building those that the cache lacks.

    Raises:
        DockerError: there is no daemon to build with, or a build failed.
    """
    wanted = [_archive_build(image) for image in images]
    if not all(build.folder.is_dir() for build in wanted):
        with docker_daemon() as docker:
            for image, build in zip(images, wanted, strict=True):
                build.ensure(lambda folder, image=image: _make_archive(docker, image, folder))
                _forget_old(image)
    return [build.folder / ARCHIVE for build in wanted]


def build_image(docker: Docker, image: Image) -> None:
    """Build an image in a daemon under both its tags, unless the daemon has it."""
    if docker.has_image(image.reference):
        return
    for base in image.base_images:
        ensure_base_image(docker, base)
    target = [f"--target={image.target}"] if image.target else []
    forwarded = [f"--build-arg={name}" for name in FORWARDED if name in docker.process_environment()]
    with step(f"Building {image.name}") as shown, tempfile.TemporaryDirectory(prefix="attune-build-") as context:
        _write(image, Path(context))

        def follow(line: str) -> None:
            if found := progress_of(line):
                shown.advance(*found, "build steps")

        tags = [f"--tag={reference}" for reference in (image.reference, image.floating_reference)]
        docker.run("build", *docker.build_options, *target, *forwarded, *tags, context, show=follow)


def progress_of(line: str) -> tuple[int, int] | None:
    """Return which step of how many a line of a build's output begins; None when it begins none."""
    found = _STEP.match(line)
    if found is None:
        return None
    done, total = (int(number) for number in found.groups() if number)
    return done, total


def _write(image: Image, context: Path) -> None:
    """Write the files that an image is made from, and nothing else, as the context of its build."""
    for name, content in image.files.items():
        path = context / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _archive_build(image: Image) -> Build:
    return Build(f"image-{image.name}", FLOATING_TAG, image.tag)


def _make_archive(docker: Docker, image: Image, folder: Path) -> None:
    build_image(docker, image)
    with step(f"Saving {image.name}"):
        docker.run("save", f"--output={folder / ARCHIVE}", image.reference, image.floating_reference)


def _forget_old(image: Image) -> None:
    """Remove all but the newest archives of an image: each code change makes one of some 100 MB."""
    archives = sorted(cache_root().glob(f"image-{image.name}-{FLOATING_TAG}-*"), key=lambda path: path.stat().st_mtime)
    for old in archives[:-KEPT_ARCHIVES]:
        shutil.rmtree(old)
