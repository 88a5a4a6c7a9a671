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
from testbed.docs.typed import commands, untyped
from testbed.services.program import REPOSITORY

_NAMESPACE = "attune-system"
_FOLLOWS = re.compile(r" (?:--watch|-f(?= -l))\b")
_LIVE = re.compile(r"\battune top\b")
_FILE = re.compile(r"# ([\w.-]+(?:/[\w.-]+)*\.(?:yaml|json))\n")
"""The first line of a block that is a file, by its path from where the reader is."""
_ASSIGNMENT = re.compile(r'(?:export )?(\w+)=(?:"[^"]*"|\S*)')


class NotAsShownError(AssertionError):
    """A command of a page did not do what the page says."""


@dataclass
class Typist:
    """A reader at a terminal, who looks once where a command would go on looking.

    Attributes:
        kubectl: the cluster that they see, if any.
        namespace: where Attune is, instead of the pages' ``attune-system``.
        folder: where they are, for the files that a page has them write.
        replaced: what they type instead of a part of a line, such as the id of an execution that there is.
        looks: commands that may end with 1, where they find something or nothing: those with any of these words.
    """

    kubectl: Kubectl | None
    namespace: str
    folder: Path
    replaced: Mapping[str, str] = field(default_factory=dict[str, str])
    looks: Sequence[str] = ()
    _exported: dict[str, str] = field(default_factory=dict[str, str])

    def bring(self, path: Path) -> None:
        """Have a file of the repository at hand, for the namespace."""
        copy = self.folder / path.relative_to(REPOSITORY)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(path.read_text(encoding="utf-8").replace(_NAMESPACE, self.namespace), encoding="utf-8")

    def type_page(self, page: Page) -> Iterator[tuple[str, str]]:
        """Write its files and type its commands, in their order; each command with what it printed.

        What `testbed.docs.typed` gives a reason for is left out.

        Raises:
            NotAsShownError: a command failed.
        """
        for block in page.blocks:
            if block.language == "yaml":
                self.write(block)
        for line in commands(page):
            if not line.lstrip().startswith(untyped(page)):
                yield line, self.type(line)

    def type(self, line: str, *, seconds: float = 180) -> str:
        """Type a line; return what it printed.

        Raises:
            NotAsShownError: it failed.
        """
        good = (0, 1) if any(words in line for words in self.looks) else (0,)
        for shown, typed in self.replaced.items():
            line = line.replace(shown, typed)
        command = _LIVE.sub("attune top --once", _FOLLOWS.sub("", line)).replace(_NAMESPACE, self.namespace)
        assigned = _ASSIGNMENT.fullmatch(command)
        exporting = ["-a"] if assigned else []
        then = 'code=$?; printf "\\0" >&2; env -0 >&2; exit $code'
        done = subprocess.run(
            ["bash", *exporting, "-o", "pipefail", "-c", f"{command}\n{then}"],
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
        if assigned:
            (value,) = [each for each in environment.split("\0") if each.startswith(f"{assigned[1]}=")]
            self._exported[assigned[1]] = value.partition("=")[2]
        return done.stdout

    def write(self, block: Block) -> None:
        """Write the file that a block is, if it is one."""
        if name := _FILE.match(block.text):
            path = self.folder / name[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text.replace(_NAMESPACE, self.namespace), encoding="utf-8")

    def _environment(self) -> Mapping[str, str]:
        everything = os.environ if self.kubectl is None else self.kubectl.environment()
        programs = [Path(sys.executable).parent, *([] if self.kubectl is None else [self.kubectl.program.parent])]
        return {
            **{name: value for name, value in everything.items() if not name.startswith("ATTUNE_")},
            "PATH": ":".join(map(str, [*programs, os.environ["PATH"]])),
            "ATTUNE_OPERATOR_NAMESPACE": self.namespace,
            **self._exported,
        }
