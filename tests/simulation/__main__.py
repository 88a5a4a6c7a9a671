"""Replay a seed: ``uv run --frozen python -m simulation SEED`` with ``PYTHONPATH=tests``."""

import sys

from simulation.world import simulate

if __name__ == "__main__":
    for argument in sys.argv[1:]:
        world = simulate(int(argument))
        ended = sum(fate.status is not None for fate in world.judge.ledger.fates.values())
        print(f"seed {argument}: {ended} executions, {len(world.judge.runs)} runs, no violation")  # noqa: T201
