"""What the trial has Attune do, and what must come of each execution, computed beforehand by other means."""

import hashlib
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from testbed.attune.client import Wanted
from testbed.demo.work import interleaved

SHELL: Final = "core.shell"
HTTP: Final = "core.http.get"
ECHO: Final = "core.echo"
SLEEP: Final = "core.sleep"
ACTIONS: Final = (SHELL, HTTP, ECHO, SLEEP)

_FILES: Final = 200
_REQUESTS: Final = 200
_ECHOES: Final = 2400
_SLEEPS: Final = 24
_SLEEP_SECONDS: Final = 0.5


@dataclass(frozen=True)
class Work:
    """The executions to submit, in order, and for each, by its idempotency key, what its result must hold."""

    wanted: Sequence[Wanted]
    expected: Mapping[str, Mapping[str, Any]]


def plan(executor_url: str) -> Work:
    """Hash files of the standard library, ask the executor whether it lives, repeat numbers, and wait a little."""
    library = Path(sysconfig.get_paths()["stdlib"])
    hashed = sorted(path for path in library.glob("*.py") if path.is_file())[:_FILES]
    pairs: list[tuple[Wanted, dict[str, Any]]] = [
        (
            Wanted(SHELL, {"argv": ["sha256sum", "--", str(path)]}),
            {"exit_code": 0, "stdout": f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path}\n"},
        )
        for path in hashed
    ]
    pairs += [(Wanted(HTTP, {"url": f"{executor_url}/livez"}), {"status_code": 200}) for _ in range(_REQUESTS)]
    pairs += [(Wanted(ECHO, {"number": number}), {"number": number}) for number in range(_ECHOES)]
    pairs += [(Wanted(SLEEP, {"seconds": _SLEEP_SECONDS}), {"slept_seconds": _SLEEP_SECONDS}) for _ in range(_SLEEPS)]
    return Work(
        interleaved([wanted for wanted, _ in pairs]),
        {wanted.key: expected for wanted, expected in pairs},
    )
