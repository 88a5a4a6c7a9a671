"""Emergency mode: what is shown before it is changed, and that turning it off puts everything back."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attune_operator.ctl.emergency import MEMORY, Effect, Plan, Verb, Wish, merged, turn_off, turn_on
from attune_operator.resources import ActionQueuePolicy, ExecutorConfigSpec

MakePolicy = Callable[..., ActionQueuePolicy]


def config(spec: dict[str, Any], annotations: dict[str, str] | None = None) -> dict[str, Any]:
    """An ExecutorConfig as the API server stores it: with the defaults of its schema."""
    stored = ExecutorConfigSpec.model_validate(spec).model_dump(mode="json", by_alias=True, exclude_none=True)
    return {"metadata": {"resourceVersion": "7", "annotations": annotations or {}}, "spec": stored}


def carried_out(plan: Plan, present: dict[str, Any] | None) -> dict[str, Any] | None:
    """What the API server has when the plan is carried out."""
    if plan.verb is Verb.DELETE:
        return None
    if plan.verb is Verb.NOTHING:
        return present
    result = merged(present or {}, plan.body)
    return config(result["spec"], result["metadata"]["annotations"])


def test_turning_it_on_shows_what_it_does_to_each_action(make_policy: MakePolicy) -> None:
    policies = [
        make_policy("report", actionRef="core.report", priority=2),
        make_policy("page", actionRef="core.page", priority=9, maxQueueLength=60_000),
        make_policy("mail", actionRef="core.mail", tags=["low-priority"], maxQueueLength=100),
    ]
    plan = turn_on(config({"emergency": {"closeBelowPriority": 5, "closeTags": ["low-priority"]}}), Wish(), policies)
    assert plan.verb is Verb.PATCH
    assert [(each.field, each.before, each.after) for each in plan.changes] == [("emergencyMode", False, True)]
    assert plan.effects == [
        Effect("attune-system/report", "core.report", (10_000, 50_000), (False, True)),
        Effect("attune-system/mail", "core.mail", (100, 50_000), (False, True)),
    ]
    assert plan.body["metadata"]["resourceVersion"] == "7"


def test_turning_it_on_twice_changes_nothing_the_second_time() -> None:
    on = carried_out(turn_on(config({}), Wish(), []), config({}))
    assert turn_on(on, Wish(), []).verb is Verb.NOTHING


def test_turning_it_off_where_it_is_off_changes_nothing() -> None:
    assert turn_off(None, []).verb is Verb.NOTHING
    assert turn_off(config({}), []).verb is Verb.NOTHING


def test_a_configuration_that_it_made_is_gone_afterwards() -> None:
    plan = turn_on(None, Wish(close_below_priority=5), [])
    assert plan.verb is Verb.CREATE
    made = carried_out(plan, None)
    assert turn_off(made, []).verb is Verb.DELETE


def test_a_configuration_that_it_made_stays_if_somebody_has_added_to_it() -> None:
    made = carried_out(turn_on(None, Wish(), []), None)
    assert made is not None
    made["spec"]["queue"]["maxQueueLength"] = 20_000
    plan = turn_off(made, [])
    assert plan.verb is Verb.PATCH
    after = carried_out(plan, made)
    assert after is not None
    assert (after["spec"]["emergencyMode"], after["spec"]["queue"]["maxQueueLength"]) == (False, 20_000)


def test_what_somebody_has_changed_since_stays() -> None:
    on = carried_out(turn_on(config({}), Wish(max_queue_length=70_000, requests_per_minute=500), []), config({}))
    assert on is not None
    on["spec"]["apiRateLimit"]["maxRequestsPerMinute"] = 200
    plan = turn_off(on, [])
    assert plan.kept == ["apiRateLimit"]
    after = carried_out(plan, on)
    assert after is not None
    assert after["spec"]["apiRateLimit"] == {"enabled": True, "maxRequestsPerMinute": 200}
    assert after["spec"]["emergency"]["maxQueueLength"] == 50_000


@pytest.mark.parametrize("note", ["no json", "[]", '{"created": 1}', '{"set": {}}'])
def test_a_note_that_is_not_ours_is_none(note: str) -> None:
    plan = turn_off(config({"emergencyMode": True}, {MEMORY: note}), [])
    assert [(each.field, each.after) for each in plan.changes] == [("emergencyMode", False)]
    assert plan.body["metadata"]["annotations"] == {MEMORY: None}


wishes = st.builds(
    Wish,
    max_queue_length=st.none() | st.integers(0, 100),
    close_below_priority=st.none() | st.integers(0, 11),
    close_tags=st.none() | st.lists(st.sampled_from("abc"), unique=True, max_size=2).map(tuple),
    requests_per_minute=st.none() | st.integers(1, 3),
)
specs = st.fixed_dictionaries(
    {},
    optional={
        "emergency": st.fixed_dictionaries(
            {}, optional={"maxQueueLength": st.integers(0, 100), "closeTags": st.just(["a"])}
        ),
        "apiRateLimit": st.fixed_dictionaries(
            {"enabled": st.booleans()}, optional={"maxRequestsPerMinute": st.integers(1, 3)}
        ),
    },
)


@given(spec=st.none() | specs, several=st.lists(wishes, min_size=1, max_size=3))
def test_off_leaves_everything_as_it_was_before_the_first_on(spec: Any, several: list[Wish]) -> None:
    before = None if spec is None else config(spec)
    present = before
    for wish in several:
        present = carried_out(turn_on(present, wish, []), present)
        assert present is not None
        assert present["spec"]["emergencyMode"] is True
    after = carried_out(turn_off(present, []), present)
    assert (after or {}).get("spec") == (before or {}).get("spec")
    assert MEMORY not in (after or {"metadata": {"annotations": {}}})["metadata"]["annotations"]
