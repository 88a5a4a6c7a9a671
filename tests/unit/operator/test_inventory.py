"""Several namespaces: one that may not be read holds up no other, and what is not known closes nothing."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from attune_operator.cluster import Cluster, ClusterError, ForbiddenError, NotFoundError
from attune_operator.controller.inventory import Inventory
from attune_operator.resources import ActionQueuePolicy

MakePolicy = Callable[..., ActionQueuePolicy]
Listed = dict[str, Any] | ClusterError


class Lists(Cluster):
    """Answers lists from a table, by namespace."""

    def __init__(self, policies: Mapping[str | None, Listed]) -> None:
        self.by_namespace = dict(policies)

    async def policies(self, namespace: str | None) -> tuple[list[dict[str, Any]], str]:
        listed = self.by_namespace[namespace]
        if isinstance(listed, ClusterError):
            raise listed
        return [listed], "9"

    async def deployments(self, namespace: str | None) -> tuple[list[dict[str, Any]], str]:
        del namespace
        return [], "9"


def policy(namespace: str, action: str, **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "name": "policy",
            "namespace": namespace,
            "uid": f"uid-{namespace}",
            "generation": 1,
            "resourceVersion": "7",
            "creationTimestamp": "2026-12-01T00:00:00Z",
        },
        "spec": {"actionRef": action, "concurrency": 1, **spec},
    }


def actions(inventory: Inventory) -> set[str]:
    return {policy.spec.action_ref for policy in inventory.policies.objects().values()}


async def test_a_namespace_that_may_not_be_read_holds_up_no_other() -> None:
    lists = Lists({"a": policy("a", "core.a"), "b": ForbiddenError("no"), "c": policy("c", "core.c")})
    inventory = Inventory(lists, ("a", "b", "c"))
    changes: list[tuple[str | None, ...]] = []
    inventory.on_readable_change(lambda: changes.append(inventory.readable))

    await inventory.refresh()

    assert actions(inventory) == {"core.a", "core.c"}
    assert inventory.unreadable is None, "any action could have its policy in namespace b"

    lists.by_namespace["b"] = policy("b", "core.b")
    await inventory.refresh()

    assert actions(inventory) == {"core.a", "core.b", "core.c"}
    assert inventory.unreadable == frozenset()
    assert changes == [("a", "c"), ("a", "b", "c")]


async def test_what_was_known_of_a_namespace_stays_when_it_may_not_be_read_any_more() -> None:
    lists = Lists({"a": policy("a", "core.a"), "b": policy("b", "core.b")})
    inventory = Inventory(lists, ("a", "b"))
    await inventory.refresh()

    lists.by_namespace["b"] = ForbiddenError("no")
    await inventory.refresh()

    assert actions(inventory) == {"core.a", "core.b"}
    assert inventory.unreadable == frozenset()


async def test_an_api_that_fails_is_a_failure_after_the_other_namespaces_were_read() -> None:
    inventory = Inventory(Lists({"a": ClusterError("away"), "b": policy("b", "core.b")}), ("a", "b"))

    with pytest.raises(ClusterError, match="away"):
        await inventory.refresh()

    assert actions(inventory) == {"core.b"}
    assert inventory.readable == ("a", "b")


async def test_nothing_that_may_be_read_is_a_failure() -> None:
    with pytest.raises(ForbiddenError):
        await Inventory(Lists({None: ForbiddenError("no")}), (None,)).refresh()


async def test_a_policy_that_cannot_be_read_is_told_by_its_action() -> None:
    inventory = Inventory(Lists({None: policy("a", "core.a", concurrency="many")}), (None,))

    await inventory.refresh()

    assert inventory.unreadable == {"core.a"}


async def test_crds_that_come_after_the_operator_are_watched() -> None:
    lists = Lists({None: NotFoundError("the server could not find the requested resource")})
    inventory = Inventory(lists, (None,))
    told: list[bool] = []
    inventory.on_readable_change(lambda: told.append(True))

    for answer in (lists.by_namespace[None], ClusterError("away")):
        lists.by_namespace[None] = answer
        with pytest.raises(ClusterError):
            await inventory.refresh()
    assert not told

    lists.by_namespace[None] = policy("a", "core.a")
    await inventory.refresh()
    await inventory.refresh()

    assert told == [True]
