"""Chance that can be repeated, and that leaves nothing out."""

from collections import Counter
from itertools import islice

from chaos.history import Part
from chaos.schedule import Blow, Strike, strikes


def first(count: int, seed: int = 1, gap: float = 4) -> list[Strike]:
    return list(islice(strikes(seed, gap), count))


def test_a_seed_tells_everything() -> None:
    assert first(100) == first(100)
    assert first(100) != first(100, seed=2)


def test_a_short_run_sees_every_blow_and_every_part() -> None:
    for seed in range(50):
        blows = [blow for strike in first(5, seed) for blow in strike.blows]
        assert set(blows[:5]) == set(Blow)
        assert {blow.part for blow in blows} == set(Part)


def test_what_falls_at_once_falls_on_different_parts() -> None:
    sizes = Counter(len(strike.blows) for strike in first(1000))
    assert set(sizes) == {1, 2}
    assert 50 < sizes[2] < 300
    for strike in first(1000):
        assert len({blow.part for blow in strike.blows}) == len(strike.blows)


def test_gaps_scatter_around_their_mean() -> None:
    waits = [strike.wait_seconds for strike in first(1000)]
    assert 1 <= min(waits) < max(waits) <= 7
    assert 3.7 < sum(waits) / len(waits) < 4.3
