"""The images that this repository builds, each under a tag that says what went into it.

A tag is a digest of all files of the build. The same files make the same tag, so that an image that was built or loaded
before is known by its name alone, and a Deployment that is given a new one rolls out.
"""

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
    def tag(self) -> str:
        """The digest of the files of the build, as they were when this process first asked."""
        files = sorted(file for entry in self.inputs for file in _files(self.folder / entry))
        contents = [part for file in files for part in (str(file.relative_to(self.folder)).encode(), file.read_bytes())]
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
