"""What stands above the rows of `attune top`: who leads, what holds, all queues together, and whether to trust it."""

from collections.abc import Sequence
from dataclasses import dataclass

from attune_operator.ctl.overview import emergency_message
from attune_operator.ctl.queues import Severity, duration, shown
from attune_operator.ctl.top.film import Film
from attune_operator.ctl.top.rows import MARKS, rate
from attune_operator.resources import ExecutorConfig


@dataclass(frozen=True, slots=True)
class Line:
    """One line: pairs of a name and a text."""

    parts: Sequence[tuple[str, str]]
    severity: Severity = Severity.FINE


def heading(film: Film, now: float, place: str) -> list[Line]:
    """The lines.

    Args:
        film: what was seen.
        now: on the clock of the looks.
        place: which policies are shown, for people.
    """
    look = film.latest
    on = look.config is not None and look.config.spec.emergency_mode
    lines = [
        Line((("Policies", place), ("Leader", shown(look.leader)), ("Seen", f"{duration(film.age_seconds(now))} ago"))),
        Line(
            (("Emergency mode", emergency_message(look.config)), _limit(look.config)),
            Severity.WARNING if on else Severity.FINE,
        ),
        Line(_totals(film)),
    ]
    if film.failure is not None and film.failing_since is not None:
        text = f"{film.failure}: this is the last picture, nobody has answered since {film.failing_since:%H:%M:%S} UTC"
        lines.append(Line(((MARKS[Severity.CRITICAL], text),), Severity.CRITICAL))
    elif look.problem is not None:
        lines.append(Line(((MARKS[Severity.CRITICAL], look.problem),), Severity.CRITICAL))
    return lines


def _limit(config: ExecutorConfig | None) -> tuple[str, str]:
    limit = config.status.requests_per_minute if config and config.status else None
    return ("API rate limit", "none" if limit is None else f"{limit} requests a minute")


def _totals(film: Film) -> Sequence[tuple[str, str]]:
    queues = film.latest.queues
    waiting = sum(queue.queue_length or 0 for queue in queues)
    running = sum(queue.active_count or 0 for queue in queues)
    refused = sum(queue.total_rejected or 0 for queue in queues)
    ended = [speed for queue in queues if (speed := film.rates(queue.key).ended) is not None]
    out = f"{rate(sum(ended))}/s" if ended else "-"
    critical = sum(queue.severity is Severity.CRITICAL for queue in queues)
    return (
        ("Queues", f"{len(queues)}, {critical} critical"),
        ("Waiting", f"{waiting:,}"),
        ("Running", f"{running:,}"),
        ("Ended", out),
        ("Refused", f"{refused:,}"),
    )
