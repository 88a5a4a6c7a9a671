"""Draws the simulated day: `PYTHONPATH=tests uv run --frozen python -m scaling` writes the picture and the table."""

import sys
from pathlib import Path

from scaling.day import SLOTS, Day, ordinary
from scaling.picture import draw

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "explanation"
PICTURE = FOLDER / "scaling-day.svg"
PAGE = FOLDER / "scaling.md"
BEGIN, END = "<!-- the simulated day: written by `python -m scaling` -->\n", "<!-- end of the simulated day -->\n"


def table(day: Day) -> str:
    """The figures of the day, as Markdown."""
    needed = sum(-(-value // SLOTS) for value in day.needed) / 3600
    rows = [
        "| | worker-hours | waited over 10 s | over 30 s | over 60 s | longest wait | changes of size |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {outcome.name} | {outcome.worker_hours:.0f} | {outcome.late(10):.2f} % | {outcome.late(30):.2f} % |"
            f" {outcome.late(60):.2f} % | {max(outcome.waits):.0f} s | {len(outcome.changes)} |"
            for outcome in day.outcomes
        ),
    ]
    return (
        "\n".join(rows)
        + f"\n\n{len(day.outcomes[0].waits):,} executions; {needed:.0f} worker-hours would do for somebody who knew"
        " the future.\n"
    )


def with_table(page: str, day: Day) -> str:
    """The page with the day's table in its place."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + "\n" + table(day) + "\n" + END + after


def main() -> None:
    day = ordinary()
    PICTURE.write_text(draw(day), encoding="utf-8")
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8"), day), encoding="utf-8")
    sys.stdout.write(f"{table(day)}\n{PICTURE}\n{PAGE}\n")


if __name__ == "__main__":
    main()
