"""Hundreds of seeds in CI, ten thousand in full: no promise is broken, and every place was hit by every fault.

A violation names its seed; ``PYTHONPATH=tests uv run --frozen python -m simulation SEED`` replays it.
"""

import itertools
from collections import Counter

import pytest

from simulation.faults import Fault
from simulation.world import World, simulate

_CHUNKS = 20
_CALLS = ("commit", "publish", "acknowledge")
_at_all: Counter[tuple[str, Fault]] = Counter()


def outcome(world: World) -> list[tuple[object, ...]]:
    fates = world.judge.ledger.fates.values()
    ends = [(fate.execution_id, fate.ref, fate.attempt, fate.status) for fate in fates]
    runs = [(run.execution_id, run.attempt, run.worker, run.began, run.ended) for run in world.judge.runs]
    return [*ends, *runs, *sorted(world.faults.seen.items())]


@pytest.mark.parametrize("chunk", range(_CHUNKS))
@pytest.mark.timeout(0)
def test_no_seed_breaks_a_promise(chunk: int, full: bool) -> None:
    seeds = (10_000 if full else 200) // _CHUNKS
    for seed in range(chunk * seeds, (chunk + 1) * seeds):
        try:
            _at_all.update(simulate(seed).faults.seen)
        except AssertionError as violation:
            violation.add_note(f"seed {seed}: PYTHONPATH=tests uv run --frozen python -m simulation {seed}")
            raise


def test_every_fault_was_tried_at_every_call_that_matters() -> None:
    missing = [pair for pair in itertools.product(_CALLS, Fault) if not _at_all[pair]]
    assert not missing


def test_a_seed_determines_everything() -> None:
    assert [outcome(simulate(seed)) for seed in (3, 14)] == [outcome(simulate(seed)) for seed in (3, 14)]
