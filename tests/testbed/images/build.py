"""Builds images and keeps them as archives in the cache: what is there needs no Docker daemon any more."""

import io
import os
import re
import shutil
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from testbed.cache import Build, cache_root
from testbed.images.base_images import ensure_base_image
from testbed.images.catalog import FLOATING_TAG, Image
from testbed.images.docker import Docker, docker_daemon
from testbed.progress import step

ARCHIVE = "image.tar"
KEPT = 3
"""How many of an image's archives, and of its tags in a daemon, are kept."""
KEPT_LAYERS = "72h"
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
                os.utime(build.ensure(lambda folder, image=image: _make_archive(docker, image, folder)))
                _forget_old(docker, image)
    return [build.folder / ARCHIVE for build in wanted]


def build_image(docker: Docker, image: Image) -> None:
    """Build an image in a daemon under both its tags, unless the daemon has it."""
    if docker.has_image(image.reference):
        docker.run("tag", image.reference, image.floating_reference)
        return
    for base in image.base_images:
        ensure_base_image(docker, base)
    target = [f"--target={image.target}"] if image.target else []
    forwarded = [f"--build-arg={name}" for name in FORWARDED if name in docker.process_environment()]
    with step(f"Building {image.name}") as shown, tempfile.TemporaryFile() as context:
        _write(image, context)

        def follow(line: str) -> None:
            if found := progress_of(line):
                shown.advance(*found, "build steps")

        tags = [f"--tag={reference}" for reference in (image.reference, image.floating_reference)]
        docker.run("build", *docker.build_options, *target, *forwarded, *tags, "-", stdin=context, show=follow)


def progress_of(line: str) -> tuple[int, int] | None:
    """Return which step of how many a line of a build's output begins; None when it begins none."""
    found = _STEP.match(line)
    if found is None:
        return None
    done, total = (int(number) for number in found.groups() if number)
    return done, total


def _write(image: Image, context: IO[bytes]) -> None:
    """Write the files that an image is made from, and nothing else, as the archive that a build reads."""
    with tarfile.open(fileobj=context, mode="w") as archive:
        for name, content in image.files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    context.seek(0)


def _archive_build(image: Image) -> Build:
    return Build(f"image-{image.name}", FLOATING_TAG, image.tag)


def _make_archive(docker: Docker, image: Image, folder: Path) -> None:
    build_image(docker, image)
    with step(f"Saving {image.name}"):
        docker.run("save", f"--output={folder / ARCHIVE}", image.reference, image.floating_reference)


def _forget_old(docker: Docker, image: Image) -> None:
    """Remove all but the last used of an image's archives and the newest of its tags: each change makes one."""
    archives = sorted(cache_root().glob(f"image-{image.name}-{FLOATING_TAG}-*"), key=lambda path: path.stat().st_mtime)
    for old in archives[:-KEPT]:
        shutil.rmtree(old)
    newest_first = docker.run("image", "ls", "--format={{.Repository}}:{{.Tag}}", image.name).split()
    exact = [reference for reference in newest_first if reference != image.floating_reference]
    for reference in exact[KEPT:]:
        if not docker.run("ps", "--all", "--quiet", f"--filter=ancestor={reference}").strip():
            docker.run("image", "rm", reference)
    if docker.is_own:  # elsewhere, what is left of a build is not ours alone
        docker.run("image", "prune", "--force", f"--filter=until={KEPT_LAYERS}")
