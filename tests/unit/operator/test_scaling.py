"""The scaling decision by examples: each row is one situation that an SRE could describe."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from attune_executor.domain.policy import Admission, RateLimit
from attune_executor.domain.stats import Load, QueueStats
from attune_operator.resources import DepthBand, ScalingMode, WorkersSpec
from attune_operator.scaling import PolicyDemand, Reason, ScalingMemory, decide

NOW = 1_800_000_000.0
OWN_BANDS = [DepthBand(waiting=5, add_percent=200)]


def queue(
    *,
    waiting: int = 0,
    active: int = 0,
    concurrency: int = 100,
    per_hour: float = 0.0,
    seconds: float | None = None,
    lines: int = 1,
    calibrated: bool = True,
) -> QueueStats:
    return QueueStats(
        action_id=1,
        action_ref="core.echo",
        queue_length=waiting,
        active_count=active,
        max_concurrent=concurrency,
        oldest_enqueued_at=NOW if waiting else None,
        total_enqueued=waiting + active,
        total_completed=0,
        total_rejected=0,
        last_updated=NOW,
        load=Load(per_hour, seconds, calibrated=calibrated),
        lines=lines,
    )


def demand(
    stats: QueueStats | None,
    *,
    name: str = "echo",
    concurrency: int = 100,
    admission: Admission = Admission.OPEN,
    grouped: bool = False,
    rate_limit: RateLimit | None = None,
    **workers: Any,
) -> PolicyDemand:
    spec = WorkersSpec.model_validate({"deployment": "attune-worker", "max_replicas": 20, **workers})
    return PolicyDemand(name, concurrency, admission, spec, stats, grouped, rate_limit)


def desired_after(
    demands: Sequence[PolicyDemand], replicas: int, memory: ScalingMemory, now: float
) -> tuple[int, ScalingMemory]:
    decision, memory = decide(demands, replicas, memory, now)
    return decision.desired, memory


def test_the_runbooks_example_is_two_workers_and_three_with_the_buffer() -> None:
    decision, _ = decide([demand(queue(per_hour=10_000, seconds=5))], 1, ScalingMemory(), NOW)

    assert decision.ledger is not None
    assert decision.ledger.base_workers == 2
    assert decision.ledger.buffered_workers == 3
    assert decision.desired == 3
    assert decision.reason is Reason.PEAK_LOAD


@pytest.mark.parametrize(
    ("situation", "replicas", "expected", "reason"),
    [
        # The depth bands of the runbook, relative to the workers that there are.
        (demand(queue(waiting=9, active=40)), 4, 4, Reason.ACTIVE_EXECUTIONS),
        (demand(queue(waiting=10, active=40)), 4, 5, Reason.DEPTH_BAND),
        (demand(queue(waiting=49, active=40)), 4, 5, Reason.DEPTH_BAND),
        (demand(queue(waiting=50, active=40)), 4, 6, Reason.DEPTH_BAND),
        (demand(queue(waiting=99, active=40)), 4, 6, Reason.DEPTH_BAND),
        (demand(queue(waiting=100, active=40)), 4, 8, Reason.DEPTH_BAND),
        (demand(queue(waiting=100)), 0, 1, Reason.DEPTH_BAND),
        # A band of one's own.
        (
            demand(queue(waiting=5, active=40), depth_bands=[{"waiting": 5, "add_percent": 200}]),
            4,
            5,
            Reason.DEPTH_BAND,
        ),
        (demand(queue(waiting=500, active=40), depth_bands=[]), 4, 4, Reason.ACTIVE_EXECUTIONS),
        # Depth never asks for more workers than the executions in hand could occupy.
        (demand(queue(waiting=12, active=40)), 10, 10, Reason.STABILIZING),
        # The cap: workers beyond the concurrency could only idle.
        (demand(queue(waiting=500, active=25), concurrency=25), 1, 3, Reason.ACTIVE_EXECUTIONS),
        (demand(queue(per_hour=36_000, seconds=10), concurrency=25), 1, 3, Reason.CONCURRENCY_LIMIT),
        # Bounds.
        (demand(queue(per_hour=36_000, seconds=10)), 1, 10, Reason.CONCURRENCY_LIMIT),
        (demand(queue(per_hour=36_000, seconds=9), concurrency=1000), 1, 14, Reason.PEAK_LOAD),
        (demand(queue(per_hour=360_000, seconds=10), concurrency=1000), 1, 20, Reason.MAX_REPLICAS),
        (demand(queue()), 1, 1, Reason.MIN_REPLICAS),
        (demand(queue(), min_replicas=0), 0, 0, Reason.IDLE),
        (demand(queue(), min_replicas=3), 1, 3, Reason.MIN_REPLICAS),
        (demand(queue(waiting=1), min_replicas=0), 0, 1, Reason.ACTIVE_EXECUTIONS),
        # Active executions keep their workers, even above a lowered concurrency.
        (demand(queue(active=60), concurrency=5), 1, 6, Reason.ACTIVE_EXECUTIONS),
        # Held executions are not to be started: more workers would not help.
        (demand(queue(waiting=500), admission=Admission.HOLD), 1, 1, Reason.MIN_REPLICAS),
        # Closed ones drain: they do.
        (demand(queue(waiting=500, active=10), admission=Admission.CLOSED), 1, 2, Reason.DEPTH_BAND),
        # An unknown measurement holds.
        (demand(None), 7, 7, Reason.STATISTICS_UNKNOWN),
        (demand(None, min_replicas=0), 0, 0, Reason.STATISTICS_UNKNOWN),
        (demand(None, max_replicas=5), 7, 5, Reason.MAX_REPLICAS),
    ],
)
def test_one_policy(situation: PolicyDemand, replicas: int, expected: int, reason: Reason) -> None:
    decision, _ = decide([situation], replicas, ScalingMemory(), NOW)

    assert (decision.desired, decision.reason) == (expected, reason), decision.message


def test_a_burst_on_an_idle_queue_reaches_its_size_at_once() -> None:
    idle = demand(queue(seconds=3.0), concurrency=40, peak_window_seconds=60)
    _, memory = decide([idle], 1, ScalingMemory(), NOW)
    burst = demand(queue(waiting=360, active=40, per_hour=400 * 60, seconds=3.0), concurrency=40)

    desired, _ = desired_after([burst], 1, memory, NOW + 1)

    assert desired == 4  # 400 a minute x 3 s are 20 slots: 2 workers, 3 with the buffer; 40 are active: 4


@pytest.mark.parametrize(
    ("situation", "replicas", "expected", "reason"),
    [
        # 400 executions of 3 s in 30 s: 40 slots.
        (demand(queue(waiting=400, seconds=3.0), min_replicas=0), 0, 4, Reason.BACKLOG),
        (demand(queue(waiting=390, active=10, seconds=3.0)), 1, 4, Reason.BACKLOG),
        # The soonest that can be asked for is all at once.
        (demand(queue(waiting=90, active=10, seconds=600.0)), 1, 10, Reason.BACKLOG),
        (demand(queue(waiting=400, seconds=3.0), drain_seconds=60, depth_bands=[]), 1, 2, Reason.BACKLOG),
        (demand(queue(waiting=400, seconds=3.0), drain_seconds=0), 1, 2, Reason.DEPTH_BAND),
        # What waits needs no more workers when it is done in time anyway, or nearly.
        (demand(queue(waiting=400, active=10, seconds=0.01), depth_bands=[]), 1, 1, Reason.BACKLOG),
        (demand(queue(waiting=400, active=40, seconds=2.95), depth_bands=[]), 4, 4, Reason.BACKLOG),
        (demand(queue(waiting=440, active=40, seconds=2.95), depth_bands=[]), 4, 5, Reason.BACKLOG),
        # Concurrency, bounds, hold and rate limit count as everywhere.
        (demand(queue(waiting=400, seconds=3.0), concurrency=25), 1, 3, Reason.BACKLOG),
        (demand(queue(waiting=4000, seconds=3.0), concurrency=1000, max_replicas=5), 1, 5, Reason.MAX_REPLICAS),
        (demand(queue(waiting=400, seconds=3.0), admission=Admission.HOLD), 1, 1, Reason.MIN_REPLICAS),
        (
            demand(queue(waiting=400, seconds=60.0), rate_limit=RateLimit(30, 60), depth_bands=[]),
            1,
            2,
            Reason.BACKLOG,
        ),
        # With groups each line has the concurrency: eight lines of one.
        (demand(queue(waiting=80, seconds=30.0, lines=8), concurrency=1, grouped=True, slots_per_worker=2), 1, 4, None),
        (demand(queue(per_hour=3600, seconds=30.0), concurrency=1, grouped=True), 1, 5, Reason.PEAK_LOAD),
    ],
)
def test_a_backlog_gets_the_workers_that_clear_it_in_time(
    situation: PolicyDemand, replicas: int, expected: int, reason: Reason | None
) -> None:
    decision, _ = decide([situation], replicas, ScalingMemory(), NOW)

    assert decision.desired == expected, decision.message
    assert reason in {None, decision.reason}, decision.message


def test_a_band_that_only_keeps_what_the_backlog_asked_for_is_not_the_reason() -> None:
    burst = demand(queue(waiting=400, seconds=3.0))
    first, memory = decide([burst], 1, ScalingMemory(), NOW)
    held, _ = decide([burst], first.desired, memory, NOW + 1)

    assert (held.desired, held.reason) == (4, Reason.BACKLOG)


def test_backlogs_that_share_a_deployment_add_up_in_slots() -> None:
    small = queue(waiting=5, seconds=3.0)  # half a slot

    decision, _ = decide([demand(small, name=f"policy-{number}") for number in range(30)], 1, ScalingMemory(), NOW)

    assert (decision.desired, decision.reason) == (2, Reason.BACKLOG)


def test_until_the_history_is_read_a_new_leader_grows_and_takes_nothing_away() -> None:
    at_once = {"stabilization_seconds": 0}
    idle = demand(queue(calibrated=False), scale_down=at_once)
    held, _ = decide([idle], 6, ScalingMemory(), NOW)
    burst, _ = decide(
        [demand(queue(waiting=4000, seconds=3.0, calibrated=False), scale_down=at_once)], 6, ScalingMemory(), NOW
    )

    assert (held.desired, held.reason) == (6, Reason.STATISTICS_UNKNOWN)
    assert burst.desired == 10


def test_a_deployment_that_another_autoscaler_scales_is_left_to_it() -> None:
    busy = demand(queue(waiting=400, seconds=3.0))

    decision, _ = decide([busy], 1, ScalingMemory(), NOW, scaled_by="HorizontalPodAutoscaler web")

    assert (decision.apply, decision.reason) == (False, Reason.SCALED_BY_ANOTHER)
    assert "HorizontalPodAutoscaler web" in decision.message
    assert decision.ledger is not None
    assert (decision.ledger.desired, decision.ledger.last_scale_time) == (4, None)


def test_depth_grows_step_by_step_while_the_duration_is_not_known() -> None:
    deep = demand(queue(waiting=400, active=10, per_hour=400 * 60))
    replicas, memory, sizes = 1, ScalingMemory(), list[int]()
    for second in range(91):
        replicas, memory = desired_after([deep], replicas, memory, NOW + second)
        sizes.append(replicas)

    assert [sizes[0], sizes[29], sizes[30], sizes[59], sizes[60], sizes[90]] == [2, 2, 4, 4, 8, 10]


def test_growth_by_the_formula_is_given_time_before_depth_adds_to_it() -> None:
    deep = demand(queue(waiting=400, active=10, per_hour=10_000, seconds=5), drain_seconds=0)
    first, memory = desired_after([deep], 1, ScalingMemory(), NOW)
    second, _ = desired_after([deep], first, memory, NOW + 1)

    assert (first, second) == (3, 3)


def test_a_band_is_left_only_when_the_depth_has_clearly_left_it() -> None:
    memory = ScalingMemory()
    percents: list[int] = []
    for depth in (100, 99, 80, 79, 99, 100):
        decision, memory = decide([demand(queue(waiting=depth, active=40))], 4, memory, NOW)
        assert decision.ledger is not None
        percents.append(decision.ledger.depth_band_percent)

    assert percents == [100, 100, 100, 50, 50, 100]


def test_workers_are_taken_away_only_after_the_stabilization_window() -> None:
    busy, idle = demand(queue(per_hour=10_000, seconds=5)), demand(queue())
    replicas, memory = desired_after([busy], 1, ScalingMemory(), NOW)

    during, memory = decide([idle], replicas, memory, NOW + 299)
    after, _ = decide([idle], replicas, memory, NOW + 300)

    assert (during.desired, during.reason) == (3, Reason.STABILIZING)
    assert after.desired == 1


def test_a_new_leader_does_not_take_workers_away_at_once() -> None:
    decision, _ = decide([demand(queue())], 9, ScalingMemory(), NOW)

    assert (decision.desired, decision.reason) == (9, Reason.STABILIZING)


def test_workers_that_someone_added_by_hand_stay_for_one_window() -> None:
    idle = demand(queue())
    _, memory = decide([idle], 1, ScalingMemory(), NOW)
    by_hand, memory = decide([idle], 5, memory, NOW + 1000)
    later, _ = decide([idle], 5, memory, NOW + 1300)

    assert (by_hand.desired, later.desired) == (5, 1)


def test_a_stale_period_counts_as_holding() -> None:
    idle, unknown = demand(queue()), demand(None)
    _, memory = decide([unknown], 6, ScalingMemory(), NOW)
    _, memory = decide([unknown], 6, memory, NOW + 1000)

    decision, _ = decide([idle], 6, memory, NOW + 1001)

    assert decision.desired == 6


def test_a_lowered_maximum_bites_at_once() -> None:
    busy = demand(queue(per_hour=10_000, seconds=5))
    replicas, memory = desired_after([busy], 1, ScalingMemory(), NOW)

    assert desired_after([demand(busy.stats, max_replicas=2)], replicas, memory, NOW + 1)[0] == 2


def test_policies_that_share_a_deployment_add_up_in_slots() -> None:
    small = queue(per_hour=360, seconds=4)  # 0.4 slots
    demands = [demand(small, name=f"policy-{number}") for number in range(20)]

    decision, _ = decide(demands, 1, ScalingMemory(), NOW)

    assert decision.ledger is not None
    assert (decision.ledger.base_workers, decision.desired) == (1, 2)  # 8 slots, not 20 workers


def test_one_policys_concurrency_does_not_lend_itself_to_another() -> None:
    limited = demand(queue(per_hour=36_000, seconds=10), name="limited", concurrency=5)
    roomy = demand(queue(per_hour=360, seconds=10), name="roomy", concurrency=100)

    decision, _ = decide([limited, roomy], 1, ScalingMemory(), NOW)

    assert decision.desired == 2  # 5 + 1 slots: 1 worker, with the buffer 2
    assert decision.limited_by_concurrency == {"limited"}


def test_one_unknown_policy_keeps_the_workers_of_all_and_lets_the_others_grow() -> None:
    known = demand(queue(per_hour=36_000, seconds=9), concurrency=1000)

    idle, _ = decide([demand(queue()), demand(None, name="new")], 6, ScalingMemory(), NOW)
    busy, _ = decide([known, demand(None, name="new")], 6, ScalingMemory(), NOW)

    assert (idle.desired, busy.desired) == (6, 14)


@pytest.mark.parametrize(
    ("modes", "apply", "has_ledger"),
    [
        ([ScalingMode.AUTO], True, True),
        ([ScalingMode.RECOMMEND], False, True),
        ([ScalingMode.OFF], False, False),
        ([ScalingMode.AUTO, ScalingMode.RECOMMEND], False, True),
        ([ScalingMode.RECOMMEND, ScalingMode.OFF, ScalingMode.AUTO], False, False),
    ],
)
def test_the_most_cautious_mode_wins(modes: list[ScalingMode], apply: bool, has_ledger: bool) -> None:
    demands = [
        demand(queue(per_hour=10_000, seconds=5), name=f"policy-{number}", mode=mode)
        for number, mode in enumerate(modes)
    ]

    decision, _ = decide(demands, 1, ScalingMemory(), NOW)

    assert (decision.apply, decision.ledger is not None) == (apply, has_ledger)


def test_recommendations_do_not_wear_off_because_nobody_follows_them() -> None:
    deep = demand(queue(waiting=60, active=40), mode=ScalingMode.RECOMMEND)
    memory, sizes = ScalingMemory(), set[int]()
    for second in range(1000):
        decision, memory = decide([deep], 4, memory, NOW + second)
        sizes.add(decision.desired)

    assert sizes == {6}


def test_the_last_scale_time_is_when_the_size_was_decided() -> None:
    busy = demand(queue(per_hour=10_000, seconds=5))
    first, memory = decide([busy], 1, ScalingMemory(), NOW)
    again, _ = decide([busy], first.desired, memory, NOW + 60)

    assert first.ledger is not None
    assert again.ledger is not None
    assert first.ledger.last_scale_time is not None
    assert first.ledger.last_scale_time.timestamp() == NOW
    assert again.ledger.last_scale_time == first.ledger.last_scale_time


def test_the_memory_stays_small() -> None:
    memory = ScalingMemory()
    for second in range(2000):
        rate = 10_000 - second
        _, memory = decide([demand(queue(per_hour=rate, seconds=30), concurrency=1000)], 10, memory, NOW + second)

    assert len(memory.recommendations) < 20


def test_an_out_of_date_band_is_forgotten_with_its_policy() -> None:
    deep = queue(waiting=400, active=10)
    _, memory = decide([demand(deep), demand(deep, name="other")], 1, ScalingMemory(), NOW)
    _, memory = decide([demand(replace(deep, queue_length=0))], 1, memory, NOW + 1)

    assert memory.held_bands == {}
