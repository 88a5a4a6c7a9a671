"""`attune` as its user runs it, but for the second that its imports take."""

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from multiprocessing.context import ForkServerContext
from pathlib import Path

from testbed.attune.attune_program import Attune

_SECONDS = 60


class WarmAttune(Attune):
    """The program, forked from a process that has imported it, for a test that asks again and again."""

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run it, whatever comes of it."""
        given = [*arguments, *self._context]
        with tempfile.TemporaryDirectory() as folder:
            said = [Path(folder, name) for name in ("stdout", "stderr")]
            program = _warm().Process(target=_attune, args=(given, dict(self._environment), said))
            program.start()
            program.join(_SECONDS)
            if program.exitcode is None:
                program.kill()
                program.join()
                raise subprocess.TimeoutExpired(given, _SECONDS)
            return subprocess.CompletedProcess(given, program.exitcode, *(file.read_text() for file in said))


@cache
def _warm() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    # The last ones are what a process of multiprocessing imports again: the program that started this one.
    context.set_forkserver_preload(["attune_operator.ctl.main", "attune_operator.ctl.kubeconfig", "pytest", __name__])
    return context


def _attune(arguments: Sequence[str], environment: Mapping[str, str], said: Sequence[Path]) -> None:
    from attune_operator.ctl.main import main  # noqa: PLC0415 - imported by the process that this is forked from

    os.environ.clear()
    os.environ.update(environment)
    for file, descriptor in zip(said, (1, 2), strict=True):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), descriptor)
    sys.argv = ["attune", *arguments]
    main()
