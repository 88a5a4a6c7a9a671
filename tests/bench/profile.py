"""Where the time goes: py-spy looks at our processes from outside while a row is measured, without changing them.

It costs a few percent, so a profiled run's figures are not for comparison.
"""

import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

_RATE = 200
_SHOWN = 30
_STOP_SECONDS = 60


class Profiler:
    """Samples processes into `folder`, one file of collapsed stacks for each, as flame graph tools read them."""

    def __init__(self, folder: Path, console: Console) -> None:
        self._folder = folder
        self._console = console
        self.row = ""
        """Which row is under way: it names the files."""
        folder.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def attached(self, pids: Mapping[str, int]) -> Generator[None]:
        """Sample these processes while the block runs, then print what they were at."""
        files = {name: self._folder / f"{self.row}-{name}.stacks" for name in pids}
        samplers = [self._sample(pid, files[name]) for name, pid in pids.items()]
        try:
            yield
        finally:
            for sampler in samplers:
                sampler.send_signal(signal.SIGINT)
            for sampler in samplers:
                sampler.wait(_STOP_SECONDS)
        for name, file in files.items():
            self._show(name, file)

    def _sample(self, pid: int, file: Path) -> "subprocess.Popen[bytes]":
        program = Path(sys.executable).with_name("py-spy")
        arguments = ["record", "--pid", str(pid), "--rate", str(_RATE), "--format", "raw", "--output", str(file)]
        return subprocess.Popen(  # noqa: S603 - the profiler that is installed beside this
            [program, *arguments, "--duration", "86400"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def _show(self, name: str, file: Path) -> None:
        own, total, samples = _tally(file.read_text().splitlines())
        table = Table(title=f"{self.row}, {name}: {samples} samples on the processor; {file}", title_justify="left")
        for column in ("own %", "with callees %"):
            table.add_column(column, justify="right")
        table.add_column("function")
        for function, count in own.most_common(_SHOWN):
            table.add_row(f"{count / samples:.1%}", f"{total[function] / samples:.1%}", function)
        table.add_section()
        # What is below every sample, main and its callers, tells nothing.
        parts = Counter({function: count for function, count in total.items() if count < samples})
        for function, count in parts.most_common(_SHOWN):
            table.add_row(f"{own[function] / samples:.1%}", f"{count / samples:.1%}", function)
        self._console.print(table)


def _tally(stacks: list[str]) -> tuple[Counter[str], Counter[str], int]:
    own, total = Counter[str](), Counter[str]()
    samples = 0
    for line in stacks:
        frames, _, count = line.rpartition(" ")
        # A frame is "function (file:line)"; lines of one function count together.
        functions = [re.sub(r":\d+\)$", ")", frame) for frame in frames.split(";")]
        samples += int(count)
        own[functions[-1]] += int(count)
        for function in set(functions):
            total[function] += int(count)
    return own, total, samples
