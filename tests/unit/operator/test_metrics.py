"""Scaling decisions as metrics."""

from attune_operator.metrics import ScalingCollector
from attune_operator.resources import ObjectKey
from attune_operator.scaling import Decision, DecisionHistory
from attune_operator.scaling.explanation import Reason

KEY = ObjectKey("attune-system", "attune-worker")


def decision(desired: int, reason: Reason, *, limited: bool = False) -> Decision:
    return Decision(desired, True, reason, "because", limited, frozenset(), None)


def samples(history: DecisionHistory) -> dict[tuple[str, str], float]:
    return {
        (sample.name, sample.labels.get("reason", "")): sample.value
        for family in ScalingCollector(history).collect()
        for sample in family.samples
        if sample.labels["deployment_namespace"] == KEY.namespace and sample.labels["deployment"] == KEY.name
    }


def test_the_decision_that_holds_is_shown_and_new_ones_are_counted() -> None:
    history = DecisionHistory()
    decisions = [
        decision(1, Reason.MIN_REPLICAS),
        decision(1, Reason.MIN_REPLICAS),
        decision(4, Reason.BACKLOG),
        decision(5, Reason.BACKLOG, limited=True),
    ]
    for now, each in enumerate(decisions):
        history.note({KEY: each}, now)
        history.current = {KEY: each}
    assert samples(history) == {
        ("attune_scaling_desired_workers", ""): 5,
        ("attune_scaling_limited", ""): 1,
        ("attune_scaling_decisions_total", "MinReplicas"): 1,
        ("attune_scaling_decisions_total", "Backlog"): 2,
    }


def test_a_deployment_that_is_scaled_no_more_is_shown_no_more() -> None:
    history = DecisionHistory()
    history.note({KEY: decision(1, Reason.IDLE)}, 0)
    history.current = {}
    assert set(samples(history)) == {("attune_scaling_decisions_total", "Idle")}
