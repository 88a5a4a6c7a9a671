"""What holds for every scaling decision, whatever is measured."""

from dataclasses import replace
from itertools import pairwise

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from attune_executor.domain.policy import Admission, RateLimit
from attune_executor.domain.stats import Load, QueueStats
from attune_operator.resources import DepthBand, ScaleDown, ScalingMode, WorkersSpec
from attune_operator.scaling import PolicyDemand, ScalingMemory, decide

NOW = 1_800_000_000.0


@st.composite
def statistics(draw: st.DrawFn) -> QueueStats:
    return QueueStats(
        action_id=1,
        action_ref="core.echo",
        queue_length=draw(st.integers(0, 2000)),
        active_count=draw(st.integers(0, 300)),
        max_concurrent=100,
        oldest_enqueued_at=None,
        total_enqueued=0,
        total_completed=0,
        total_rejected=0,
        last_updated=NOW,
        load=Load(draw(st.floats(0, 200_000)), draw(st.none() | st.floats(0, 600))),
        lines=draw(st.integers(1, 20)),
    )


@st.composite
def workers(draw: st.DrawFn) -> WorkersSpec:
    minimum = draw(st.integers(0, 10))
    depths = draw(st.lists(st.integers(1, 500), max_size=4, unique=True))
    percents = draw(st.lists(st.integers(0, 200), min_size=len(depths), max_size=len(depths)))
    bands = zip(sorted(depths), sorted(percents), strict=True)
    return WorkersSpec(
        deployment="attune-worker",
        slots_per_worker=draw(st.integers(1, 50)),
        min_replicas=minimum,
        max_replicas=draw(st.integers(max(1, minimum), 50)),
        mode=draw(st.sampled_from([ScalingMode.AUTO, ScalingMode.RECOMMEND])),
        buffer_percent=draw(st.integers(0, 200)),
        drain_seconds=draw(st.sampled_from([0, 1, 30, 600])),
        depth_bands=tuple(DepthBand(waiting=waiting, add_percent=percent) for waiting, percent in bands),
        scale_down=ScaleDown(stabilization_seconds=draw(st.sampled_from([0, 10, 300]))),
    )


@st.composite
def demands(draw: st.DrawFn, *, known: bool = False) -> list[PolicyDemand]:
    return [
        PolicyDemand(
            name=f"policy-{number}",
            concurrency=draw(st.integers(1, 300)),
            admission=draw(st.sampled_from(Admission)),
            workers=draw(workers()),
            stats=draw(statistics() if known else st.none() | statistics()),
            grouped=draw(st.booleans()),
            rate_limit=draw(st.none() | st.builds(RateLimit, st.integers(1, 1000), st.floats(0.1, 600))),
        )
        for number in range(draw(st.integers(1, 3)))
    ]


@given(demands(), st.integers(0, 60))
def test_the_size_is_within_the_bounds(shared: list[PolicyDemand], replicas: int) -> None:
    decision, _ = decide(shared, replicas, ScalingMemory(), NOW)

    minimum = max(demand.workers.min_replicas for demand in shared)
    maximum = max(demand.workers.max_replicas for demand in shared)
    assert minimum <= decision.desired <= maximum


@given(demands(known=True), st.integers(0, 60), st.integers(0, 2))
def test_until_the_past_is_known_no_worker_is_taken_away(shared: list[PolicyDemand], replicas: int, new: int) -> None:
    uncalibrated = shared[new % len(shared)]
    stats = uncalibrated.stats
    assert stats is not None
    shared[new % len(shared)] = replace(uncalibrated, stats=replace(stats, load=replace(stats.load, calibrated=False)))
    assume(replicas <= max(demand.workers.max_replicas for demand in shared))

    decision, _ = decide(shared, replicas, ScalingMemory(), NOW)

    assert decision.desired >= replicas


@given(demands(), st.integers(0, 60))
def test_another_autoscaler_is_never_overruled(shared: list[PolicyDemand], replicas: int) -> None:
    decision, _ = decide(shared, replicas, ScalingMemory(), NOW, scaled_by="HorizontalPodAutoscaler web")

    assert not decision.apply


@given(demands(), st.integers(0, 60), st.integers(0, 2))
def test_missing_measurements_never_take_a_worker_away(shared: list[PolicyDemand], replicas: int, blind: int) -> None:
    shared[blind % len(shared)] = replace(shared[blind % len(shared)], stats=None)
    assume(replicas <= max(demand.workers.max_replicas for demand in shared))

    decision, _ = decide(shared, replicas, ScalingMemory(), NOW)

    assert decision.desired >= replicas


@given(demands(known=True), st.integers(0, 60))
def test_active_executions_keep_their_workers(shared: list[PolicyDemand], replicas: int) -> None:
    decision, _ = decide(shared, replicas, ScalingMemory(), NOW)

    slots = min(demand.workers.slots_per_worker for demand in shared)
    maximum = max(demand.workers.max_replicas for demand in shared)
    occupied = -(-sum(demand.active for demand in shared) // slots)
    assert decision.desired >= min(occupied, maximum)


@given(
    demands(known=True),
    st.integers(0, 60),
    st.integers(0, 100),
    st.integers(0, 1000),
    st.floats(1, 3),
    st.floats(1, 3),
)
def test_more_load_never_means_fewer_workers(
    shared: list[PolicyDemand], replicas: int, active: int, waiting: int, rate: float, duration: float
) -> None:
    first = shared[0]
    stats = first.stats
    assert stats is not None
    seconds = stats.load.average_duration_seconds
    heavier = replace(
        stats,
        active_count=stats.active_count + active,
        queue_length=stats.queue_length + waiting,
        load=Load(stats.load.peak_per_hour * rate, seconds * duration if seconds is not None else None),
    )

    light, _ = decide(shared, replicas, ScalingMemory(), NOW)
    heavy, _ = decide([replace(first, stats=heavier), *shared[1:]], replicas, ScalingMemory(), NOW)

    assert heavy.desired >= light.desired


@settings(max_examples=40, deadline=None)
@given(demands(), st.integers(0, 60))
def test_a_constant_load_settles_and_does_not_flap(shared: list[PolicyDemand], replicas: int) -> None:
    shared = [
        replace(demand, workers=demand.workers.model_copy(update={"mode": ScalingMode.AUTO})) for demand in shared
    ]
    memory, sizes = ScalingMemory(), list[int]()
    # A band of one percent adds a worker every 30 seconds, up to 50: it may take three decisions for each.
    for step in range(200):
        decision, memory = decide(shared, replicas, memory, NOW + step * 10)
        replicas = decision.desired
        sizes.append(replicas)

    turns = [later - earlier for earlier, later in pairwise(sizes) if later != earlier]
    changes_of_direction = sum(1 for one, two in pairwise(turns) if (one > 0) != (two > 0))
    assert changes_of_direction <= 1
    assert len(set(sizes[-30:])) == 1
