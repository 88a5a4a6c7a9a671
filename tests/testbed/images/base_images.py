"""The images that the Dockerfiles build on: pulled where a registry answers, else made from Debian's packages.

The made ones go under the names that the Dockerfiles ask for, so that these stay as a user with a registry builds
them. They trust what this machine trusts: where a registry is out of reach, package indexes are often behind a
company's proxy with an authority of its own.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import threading
from pathlib import Path

from testbed import debian, pins
from testbed.cache import Build, digest
from testbed.images.docker import Docker, DockerError
from testbed.progress import step

REGISTRY_SECONDS = 20
"""How long a registry may take to say that it has an image; the download itself may take as long as it needs."""

MADE_FROM = "io.attune.testbed.made-from"
"""The label of a made image: the digest of what went into it."""

PACKAGES = ("ca-certificates", "python3", "python3-venv")
UNWANTED = ("/usr/share/doc", "/usr/share/info", "/usr/share/locale", "/usr/share/man", "/var/cache/apt")
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def ensure_base_image(docker: Docker, reference: str) -> None:
    """Make `reference`, one of the base images of pins.py, available to `docker build`.

    Raises:
        DockerError: no registry answers, and it cannot be made here.
    """
    build = _root_build()
    made_from = _made_from(docker, reference) if docker.has_image(reference) else None
    if made_from in {"", build.inputs}:  # pulled, or made from the same
        return
    if _pull(docker, reference):
        return
    if reference not in {pins.PYTHON_IMAGE, pins.DEBIAN_IMAGE} or not debian.can_install():
        raise DockerError(f"no registry answers for {reference}, and making it takes root on Debian")
    archive = build.ensure(_make_root_archive) / "root.tar"
    with step(f"Importing Debian {pins.DEBIAN_SUITE} as {reference}"):
        changes = (f"ENV PATH={PATH}", 'CMD ["/bin/sh"]', f"LABEL {MADE_FROM}={build.inputs}")
        docker.run("import", *(f"--change={change}" for change in changes), str(archive), reference)


def _made_from(docker: Docker, reference: str) -> str:
    """Return the digest of what a made image was made from; empty when it was not made here."""
    template = f'{{{{with index .Config.Labels "{MADE_FROM}"}}}}{{{{.}}}}{{{{end}}}}'
    return docker.run("image", "inspect", f"--format={template}", reference).strip()


def _pull(docker: Docker, reference: str) -> bool:
    """Pull an image; False when its registry does not have it or has not answered in time."""
    with subprocess.Popen(
        docker.command("pull", reference),
        env=docker.process_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        # The first line comes once the registry has described the image.
        impatience = threading.Timer(REGISTRY_SECONDS, process.send_signal, [signal.SIGTERM])
        impatience.start()
        with step(f"Asking a registry for {reference}") as shown:
            for count, _ in enumerate(process.stdout or (), start=1):
                impatience.cancel()
                shown.advance(count, None, "messages from it")
        impatience.cancel()
    return process.returncode == 0


def _root_build() -> Build:
    certificates = CERTIFICATES.read_bytes() if CERTIFICATES.exists() else b""
    inputs = digest([*(text.encode() for text in (pins.DEBIAN_SUITE, *PACKAGES, *UNWANTED)), certificates])
    return Build("debian-root", pins.DEBIAN_SUITE, inputs)


def _make_root_archive(folder: Path) -> None:
    debian.ensure_packages(["debootstrap"])
    root = Path(tempfile.mkdtemp(prefix="attune-debian-root-"))
    try:
        with step(f"Making Debian {pins.DEBIAN_SUITE} with Python from packages (once)"):
            _debootstrap(root)
            _slim_down(root)
            if CERTIFICATES.exists():
                shutil.copy(CERTIFICATES, root / CERTIFICATES.relative_to("/"))
            (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")
            subprocess.run(["tar", "--directory", root, "--create", "--file", folder / "root.tar", "."], check=True)
    finally:
        shutil.rmtree(root)


def _debootstrap(root: Path) -> None:
    include = f"--include={','.join(PACKAGES)}"
    outcome = subprocess.run(
        # In a mount namespace of its own: /proc in the new root is gone with it, whatever happens.
        ["unshare", "--mount", "debootstrap", "--variant=minbase", include, pins.DEBIAN_SUITE, root],
        env={**os.environ, "PATH": f"{os.environ.get('PATH', '')}:{PATH}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if outcome.returncode != 0:
        tail = "\n".join(outcome.stdout.splitlines()[-15:])
        raise DockerError(f"debootstrap failed:\n{tail}")


def _slim_down(root: Path) -> None:
    """Leave out what an image has no reader for, now and of packages that a Dockerfile installs later."""
    rules = [*(f"path-exclude={path}/*" for path in UNWANTED), "path-include=/usr/share/doc/*/copyright"]
    (root / "etc/dpkg/dpkg.cfg.d/slim").write_text("\n".join([*rules, ""]))
    for path in UNWANTED:
        for file in (root / path.removeprefix("/")).rglob("*"):
            if file.name != "copyright" and (file.is_symlink() or file.is_file()):
                file.unlink()
    for lists in (root / "var/lib/apt/lists").iterdir():
        shutil.rmtree(lists) if lists.is_dir() else lists.unlink()
