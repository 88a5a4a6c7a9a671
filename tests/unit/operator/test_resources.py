"""Reading policies that another release of the operator has written to."""

from typing import Any

from attune_operator.resources import ActionQueuePolicy

METADATA = {
    "name": "echo",
    "namespace": "default",
    "uid": "u",
    "generation": 1,
    "resourceVersion": "1",
    "creationTimestamp": "2026-01-01T00:00:00Z",
}


def read(status: dict[str, Any]) -> ActionQueuePolicy:
    spec = {"actionRef": "core.echo", "concurrency": 1}
    return ActionQueuePolicy.model_validate({"metadata": METADATA, "spec": spec, "status": status})


def test_a_status_of_another_release_is_none_and_the_policy_is_read() -> None:
    policy = read({"queueLength": 3, "scaling": {"mode": "Auto"}})

    assert policy.status is None
    assert policy.spec.concurrency == 1


def test_a_status_of_this_release_is_read() -> None:
    status = read({"queueLength": 3}).status

    assert status is not None
    assert status.queue_length == 3
