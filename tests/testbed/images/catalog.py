"""The images that this repository builds, each under a tag that says what went into it.

A tag is a digest of all files of the build. The same files make the same tag, so that an image that was built or loaded
before is known by its name alone, and a Deployment that is given a new one rolls out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from testbed import pins
from testbed.cache import digest
from testbed.services.program import REPOSITORY, SCRIPTS

FLOATING_TAG = "dev"
"""The tag that the manifests name, for `kubectl apply --kustomize` by hand: the last image that was built."""

GENERATED = {"__pycache__"}


@dataclass(frozen=True)
class Image:
    """An image: its name, its Dockerfile's folder and target, the base images it needs, the files it is made from."""

    name: str
    folder: Path
    base_images: tuple[str, ...]
    inputs: tuple[str, ...]
    target: str | None = None

    @cached_property
    def files(self) -> Mapping[str, bytes]:
        """The files of the build by their path below `folder`, as they were when this process first asked.

        Tag and build both come from these, whatever is edited meanwhile.
        """
        paths = sorted(path for entry in self.inputs for path in _files(self.folder / entry))
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in paths}

    @cached_property
    def tag(self) -> str:
        """The digest of the files of the build."""
        contents = [part for name, content in self.files.items() for part in (name.encode(), content)]
        return digest([(self.target or "").encode(), *contents])

    @property
    def reference(self) -> str:
        """Name and tag of what the files make."""
        return f"{self.name}:{self.tag}"

    @property
    def floating_reference(self) -> str:
        """Name and the tag that moves with each build."""
        return f"{self.name}:{FLOATING_TAG}"


_WORKSPACE = ("Dockerfile", ".dockerignore", "pyproject.toml", "uv.lock", "executor", "operator/pyproject.toml")

OPERATOR = Image("attune-operator", REPOSITORY, (pins.PYTHON_IMAGE,), (*_WORKSPACE, "operator"), "operator")
WORKER = Image("attune-worker", REPOSITORY, (pins.PYTHON_IMAGE,), _WORKSPACE, "worker")
SERVICES = Image(
    "attune-development-services", SCRIPTS, (pins.DEBIAN_IMAGE,), ("Dockerfile", "run-postgres", "run-rabbitmq")
)
IMAGES = (SERVICES, WORKER, OPERATOR)


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return [file for file in path.rglob("*") if file.is_file() and not GENERATED.intersection(file.parts)]
