"""The executor is brought to what the cluster declares, and two policies for one action do not fight."""

from collections.abc import Callable

from attune_executor.domain.policy import Admission, QueuePolicy
from attune_operator.reconcile import enforced_policy, plan, rule
from attune_operator.resources import ActionQueuePolicy, QueueDefaults

HOME = "attune-system"
MakePolicy = Callable[..., ActionQueuePolicy]


def test_the_oldest_policy_of_an_action_rules(make_policy: MakePolicy) -> None:
    old = make_policy("old", metadata={"creationTimestamp": "2026-11-01T00:00:00Z"})
    new = make_policy("new", metadata={"creationTimestamp": "2026-12-01T00:00:00Z"})
    other = make_policy("other", actionRef="core.sleep")

    ruling = rule([new, other, old])

    assert ruling.in_force == {"core.echo": old, "core.sleep": other}
    assert ruling.ruled_by == {"uid-of-new": "old"}


def test_of_two_policies_of_one_second_the_name_decides(make_policy: MakePolicy) -> None:
    assert rule([make_policy("b"), make_policy("a")]).in_force["core.echo"].metadata.name == "a"


def test_a_policy_that_is_being_deleted_makes_way(make_policy: MakePolicy) -> None:
    going = make_policy("a", metadata={"deletionTimestamp": "2026-12-02T00:00:00Z"})

    ruling = rule([going, make_policy("b")])

    assert ruling.in_force["core.echo"].metadata.name == "b"
    assert ruling.ruled_by == {}


def test_only_differences_are_applied(make_policy: MakePolicy) -> None:
    same = make_policy("same", actionRef="core.same")
    changed = make_policy("changed", actionRef="core.changed", concurrency=5)
    new = make_policy("new", actionRef="core.new", admission="Hold", workers={"deployment": "w", "maxReplicas": 2})

    changes = plan(
        rule([same, changed, new]).in_force,
        {"core.same": QueuePolicy(10), "core.changed": QueuePolicy(4), "core.gone": QueuePolicy(1)},
        frozenset(),
        QueueDefaults(),
        HOME,
    )

    assert changes.apply == {
        "core.changed": QueuePolicy(5),
        "core.new": QueuePolicy(10, admission=Admission.HOLD, pool="w", peak_window_seconds=3600),
    }
    assert changes.remove == {"core.gone"}


def test_nothing_is_to_be_done_when_they_agree(make_policy: MakePolicy) -> None:
    changes = plan(rule([make_policy()]).in_force, {"core.echo": QueuePolicy(10)}, frozenset(), QueueDefaults(), HOME)

    assert (changes.apply, changes.remove) == ({}, frozenset())


def test_a_policy_that_cannot_be_read_closes_nothing() -> None:
    executor = {"core.echo": QueuePolicy(10), "core.gone": QueuePolicy(1)}

    assert plan({}, executor, {"core.echo"}, QueueDefaults(), HOME).remove == {"core.gone"}


def test_while_a_namespace_is_not_known_nothing_is_closed() -> None:
    assert plan({}, {"core.gone": QueuePolicy(1)}, None, QueueDefaults(), HOME).remove == frozenset()


def test_the_oldest_policy_rules_across_namespaces(make_policy: MakePolicy) -> None:
    old = make_policy("echo", metadata={"creationTimestamp": "2026-11-01T00:00:00Z", "namespace": "team-b"})
    new = make_policy("echo", metadata={"namespace": "team-a", "uid": "uid-of-new"})

    ruling = rule([new, old])

    assert ruling.in_force == {"core.echo": old}
    assert ruling.ruled_by == {"uid-of-new": "team-b/echo"}


def test_pools_of_other_namespaces_carry_their_names(make_policy: MakePolicy) -> None:
    workers = {"deployment": "workers", "maxReplicas": 2}
    home = make_policy(workers=workers)
    away = make_policy(metadata={"namespace": "team-a"}, workers=workers)
    unscaled = make_policy(metadata={"namespace": "team-a"})

    pools = [enforced_policy(policy, QueueDefaults(), HOME).pool for policy in (home, away, unscaled)]

    assert pools == ["workers", "workers.team-a", "default"]
