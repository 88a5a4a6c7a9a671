"""Types what a page shows, in its order, into a shell that reaches the cluster under test."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from testbed.cluster.kubectl import Kubectl
from testbed.docs.pages import Block, Page
from testbed.services.program import REPOSITORY

_NAMESPACE = "attune-system"
_FOLLOWS = re.compile(r" (?:--watch|-f(?= -l))\b")
_FILE = re.compile(r"# (?:\S*/)?([\w.-]+\.(?:yaml|json))\n")


class NotAsShownError(AssertionError):
    """A command of a page did not do what the page says."""


@dataclass
class Typist:
    """A reader at a terminal, who looks once where a command would go on looking.

    Attributes:
        kubectl: the cluster that they see.
        namespace: where Attune is, instead of the pages' ``attune-system``.
        folder: where they are, for the files that a page has them write.
        skipped: commands that they do not type: whatever begins so.
        replaced: what they type instead of a part of a line, such as the id of an execution that there is.
    """

    kubectl: Kubectl
    namespace: str
    folder: Path
    skipped: Sequence[str] = ()
    replaced: Mapping[str, str] = field(default_factory=dict[str, str])
    _exported: dict[str, str] = field(default_factory=dict[str, str])

    def bring(self, path: Path) -> None:
        """Have a file of the repository at hand, for the namespace."""
        copy = self.folder / path.relative_to(REPOSITORY)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(path.read_text(encoding="utf-8").replace(_NAMESPACE, self.namespace), encoding="utf-8")

    def type_page(self, page: Page) -> Iterator[tuple[str, str]]:
        """Write its files and type its commands, in their order; each command with what it printed.

        Raises:
            NotAsShownError: a command failed.
        """
        for block in page.blocks:
            if block.language == "yaml":
                self._write(block)
            if block.language == "sh":
                for line in block.text.replace("\\\n", " ").splitlines():
                    if line.strip() and not line.lstrip().startswith(("#", *self.skipped)):
                        yield line, self.type(line)

    def type(self, line: str, *, good: Sequence[int] = (0,), seconds: float = 180) -> str:
        """Type a line; return what it printed.

        Raises:
            NotAsShownError: it ended with another code.
        """
        for shown, typed in self.replaced.items():
            line = line.replace(shown, typed)
        command = _FOLLOWS.sub("", line).replace(_NAMESPACE, self.namespace)
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", f'{command}\ncode=$?; printf "\\0" >&2; env -0 >&2; exit $code'],
            cwd=self.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        said, _, environment = done.stderr.partition("\0")
        if done.returncode not in good:
            raise NotAsShownError(f"{command}\nended with {done.returncode}:\n{done.stdout}{said}")
        if line.startswith("export "):
            name = line.removeprefix("export ").partition("=")[0]
            (value,) = [each for each in environment.split("\0") if each.startswith(f"{name}=")]
            self._exported[name] = value.removeprefix(f"{name}=")
        return done.stdout

    def _write(self, block: Block) -> None:
        if name := _FILE.match(block.text):
            (self.folder / name[1]).write_text(block.text.replace(_NAMESPACE, self.namespace), encoding="utf-8")

    def _environment(self) -> Mapping[str, str]:
        programs = f"{Path(sys.executable).parent}:{self.kubectl.program.parent}"
        mine = {name: value for name, value in self.kubectl.environment().items() if not name.startswith("ATTUNE_")}
        return {
            **mine,
            "PATH": f"{programs}:{os.environ['PATH']}",
            "ATTUNE_OPERATOR_NAMESPACE": self.namespace,
            **self._exported,
        }
