"""What a dead letter says of the executions that were refused: in a sentence for people, by number for programs."""

from collections.abc import Mapping, Sequence
from typing import Final

from attune_executor.domain.submission import Receipt, Refusal

REFUSED_HEADER: Final = "x-attune-refused"
"""A table from the refusals' codes to the executions of the message, counted from 0, for example ``0,3-7``."""


def explain(outcomes: Sequence[Receipt | Refusal]) -> tuple[str, Mapping[str, str]] | None:
    """The reason in words and the table of `REFUSED_HEADER`; None where all were accepted.

    The table is complete and small, whatever was refused; the reason names as many as there is room for.
    """
    refused = [(index, outcome) for index, outcome in enumerate(outcomes) if isinstance(outcome, Refusal)]
    if not refused:
        return None
    indexes: dict[str, list[int]] = {}
    for index, refusal in refused:
        indexes.setdefault(refusal.code.value, []).append(index)
    named = "; ".join(f"executions[{index}] {refusal.code.value}: {refusal.message}" for index, refusal in refused)
    return (
        f"{len(refused)} of {len(outcomes)} refused: {named}",
        {code: _ranges(of_code) for code, of_code in indexes.items()},
    )


def _ranges(ascending: Sequence[int]) -> str:
    ranges: list[tuple[int, int]] = []
    for index in ascending:
        if ranges and ranges[-1][1] == index - 1:
            ranges[-1] = (ranges[-1][0], index)
        else:
            ranges.append((index, index))
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)
