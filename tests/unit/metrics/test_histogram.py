"""Batches are counted as single values are, and as Prometheus' own histogram counts."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram

from attune_executor.metrics.histogram import LASTING_SECONDS, BatchHistogram

SECONDS = st.floats(0, 20_000) | st.sampled_from(LASTING_SECONDS)


@given(st.lists(st.lists(SECONDS)))
def test_it_counts_as_the_clients_own(batches: list[list[float]]) -> None:
    one_by_one = Histogram("seconds", "Of it.", registry=CollectorRegistry(), buckets=LASTING_SECONDS)
    in_batches, single = (BatchHistogram("seconds", "Of it.", LASTING_SECONDS) for _ in range(2))
    for batch in batches:
        in_batches.observe_all(batch)
        for value in batch:
            one_by_one.observe(value)
            single.observe(value)

    def counts(samples: list[tuple[str, dict[str, str], float]]) -> dict[tuple[str, str], float]:
        return {(name, labels.get("le", "")): value for name, labels, value in samples if not name.endswith("_sum")}

    [theirs] = one_by_one.collect()
    wanted = counts([s[:3] for s in theirs.samples if not s.name.endswith("_created")])
    for histogram in (in_batches, single):
        samples = histogram.collect().samples
        assert counts([s[:3] for s in samples]) == wanted
        [total] = [s.value for s in samples if s.name.endswith("_sum")]
        assert abs(total - sum(map(sum, batches))) < 1e-6 * max(1, total)
