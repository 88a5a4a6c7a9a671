"""The runbook's capacity formula, with its example."""

import pytest

from attune_executor.domain.capacity import required_workers, with_buffer


@pytest.mark.parametrize(
    ("peak_per_hour", "duration", "slots", "required", "recommended"),
    [
        (10_000, 5, 10, 2, 3),  # the runbook's example
        (0, 5, 10, 0, 0),
        (1, 0.001, 10, 1, 2),
        (36_000, 1, 10, 1, 2),
        (36_001, 1, 10, 2, 3),
        (3_600, 0.1, 1, 1, 2),  # exactly one worker: rounding must not make it two
        (360_000, 10, 10, 100, 150),
    ],
)
def test_the_formula(peak_per_hour: float, duration: float, slots: int, required: int, recommended: int) -> None:
    workers = required_workers(peak_per_hour, duration, slots)
    assert (workers, with_buffer(workers, 50)) == (required, recommended)


@pytest.mark.parametrize("arguments", [(-1, 1, 1), (1, -1, 1), (1, 1, 0)])
def test_arguments_out_of_range(arguments: tuple[float, float, int]) -> None:
    with pytest.raises(ValueError, match="must be 0 or more"):
        required_workers(*arguments)
