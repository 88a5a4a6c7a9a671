"""`attune capacity`: the runbook's formula, from options or from what the operator measured."""

from collections.abc import Callable

import pytest

from attune_operator.ctl.capacity import Load, capacity, measured
from attune_operator.ctl.errors import UsageError
from attune_operator.resources import ActionQueuePolicy, ActionQueuePolicyStatus

MakePolicy = Callable[..., ActionQueuePolicy]
SCALING = {
    "mode": "Auto",
    "policies": 1,
    "peakPerHour": 36_001,
    "averageDurationSeconds": 1.0,
    "waiting": 0,
    "active": 0,
    "slotsPerWorker": 10,
    "baseWorkers": 2,
    "bufferedWorkers": 3,
    "depthBandPercent": 0,
    "depthWorkers": 0,
    "activeWorkers": 0,
    "minReplicas": 1,
    "maxReplicas": 6,
    "recommended": 3,
    "desired": 3,
    "reason": "Peak",
    "message": "",
}


def test_the_runbooks_example_in_its_words() -> None:
    result = capacity(Load(10_000, 5, 10))
    assert result.sentences() == [
        "Workers = (10,000 × 5) / 3600 / 10 = 1.4 → 2 workers minimum",
        "Add 50% buffer → 3 workers recommended",
    ]
    assert (result.required, result.recommended) == (2, 3)


def test_big_numbers_are_written_out() -> None:
    (sentence, _) = capacity(Load(12_345_678, 0.25, 10)).sentences()
    assert "(12,345,678 × 0.25)" in sentence


def test_measurements_count_where_no_option_is_given(make_policy: MakePolicy) -> None:
    policy = make_policy(workers={"deployment": "attune-worker", "maxReplicas": 6, "bufferPercent": 100})
    seen = policy.model_copy(update={"status": ActionQueuePolicyStatus.model_validate({"scaling": SCALING})})
    assert measured(seen) == Load(36_001, 1.0, 10, 100)
    assert capacity(measured(seen)).recommended == 4
    assert capacity(Load(peak_per_hour=360_000).over(measured(seen))).required == 10


def test_what_is_missing_is_named(make_policy: MakePolicy) -> None:
    load = Load(slots_per_worker=5).over(measured(make_policy()))
    with pytest.raises(UsageError, match=r"--peak, --duration$"):
        capacity(load)
