"""README.txt of the archive: what is what, and what is missing and why. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

_HEAD: Final = """\
Attune incident, {time} UTC
Collected by: {command}

Credentials are masked as {mask}: values of environment variables, passwords in URLs, bearer tokens, private keys,
and what stands after names such as password, token or secret. Secrets and ConfigMaps were not asked for.
{payloads}
A log goes back {minutes} minutes; a .previous.log is the whole log of the container's run before. Times are UTC.
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one part.

    Attributes:
        what: what it is, in a few words.
        files: what was written for it, with bytes.
        problem: why it is missing, or not whole; None where it is.
    """

    what: str
    files: Mapping[str, int]
    problem: str | None


def readme(
    outcomes: Sequence[Outcome], *, now: datetime, command: str, mask: str, minutes: float, payloads: bool
) -> str:
    """The text."""
    kept = (
        "Parameters and results of stuck executions are in it, masked as the rest."
        if payloads
        else ("Parameters and results of executions are left out.")
    )
    lines = [
        _HEAD.format(time=f"{now:%Y-%m-%d %H:%M:%S}", command=command, mask=mask, minutes=f"{minutes:g}", payloads=kept)
    ]
    missing = [outcome for outcome in outcomes if outcome.problem]
    lines += [f"NOT COLLECTED, OR NOT WHOLE ({len(missing)})", ""]
    lines += [f"  {outcome.what}: {outcome.problem}" for outcome in missing] or ["  nothing"]
    lines += ["", "WHAT IS WHAT", ""]
    for outcome in outcomes:
        if outcome.files:
            lines.append(outcome.what)
            lines += [f"  {name}  ({size} bytes)" for name, size in outcome.files.items()]
    return "\n".join(lines) + "\n"
