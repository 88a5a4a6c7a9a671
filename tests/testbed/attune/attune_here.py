"""`attune` without a process of its own."""

import os
import subprocess

from typer.testing import CliRunner

from attune_operator.ctl.main import app
from testbed.attune.attune_program import Attune


class AttuneHere(Attune):
    """The program in this process, for a test that asks again and again: its start takes longer than most answers."""

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run it, whatever comes of it."""
        not_ours = {name: None for name in os.environ if name not in self._environment}
        given = [*arguments, *self._context]
        done = CliRunner().invoke(app, given, env={**not_ours, **self._environment})
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return subprocess.CompletedProcess(given, done.exit_code, done.stdout, done.stderr)
