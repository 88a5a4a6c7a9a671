"""What the executor is told of a policy, and reading policies that another release of the operator has written to."""

from typing import Any

import pytest

from attune_executor.domain.policy import Admission, QueuePolicy, RateLimit, RetryPolicy, WorkerLost
from attune_operator.resources import ActionQueuePolicy, QueueDefaults

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


def enforced(spec: dict[str, Any], defaults: QueueDefaults | None = None) -> QueuePolicy:
    policy = ActionQueuePolicy.model_validate(
        {"metadata": METADATA, "spec": {"actionRef": "core.echo", "concurrency": 3, **spec}}
    )
    return policy.spec.queue_policy(defaults or QueueDefaults())


def test_a_policy_that_says_little_is_what_the_executor_has_for_default() -> None:
    assert enforced({}) == QueuePolicy(3)


def test_every_field_reaches_the_executor() -> None:
    spec = {
        "maxQueueLength": 7,
        "queueTimeoutSeconds": 60,
        "executionTimeoutSeconds": 90,
        "groupBy": ["host", "user"],
        "rateLimit": {"maxExecutions": 100},
        "priority": 8,
        "tags": ["batch"],
        "admission": "Hold",
        "retry": {"maxAttempts": 4, "delaySeconds": 2, "workerLost": "Fail"},
        "workers": {"deployment": "shell", "maxReplicas": 2, "peakWindowSeconds": 600},
    }

    assert enforced(spec) == QueuePolicy(
        concurrency=3,
        max_queue_length=7,
        admission=Admission.HOLD,
        pool="shell",
        peak_window_seconds=600,
        queue_timeout_seconds=60,
        execution_timeout_seconds=90,
        group_by=("host", "user"),
        rate_limit=RateLimit(100, 60),
        priority=8,
        tags=("batch",),
        retry=RetryPolicy(4, 2, WorkerLost.FAIL),
    )


@pytest.mark.parametrize(
    ("spec", "length", "timeout"),
    [
        ({}, 20_000, 120),
        ({"maxQueueLength": 0, "queueTimeoutSeconds": 0}, 0, None),
        ({"maxQueueLength": 5, "queueTimeoutSeconds": 9}, 5, 9),
    ],
)
def test_what_a_policy_does_not_say_is_as_the_defaults(
    spec: dict[str, Any], length: int, timeout: float | None
) -> None:
    policy = enforced(spec, QueueDefaults(20_000, 120))

    assert (policy.max_queue_length, policy.queue_timeout_seconds) == (length, timeout)


def test_a_status_of_another_release_is_none_and_the_policy_is_read() -> None:
    policy = read({"queueLength": 3, "scaling": {"mode": "Auto"}})

    assert policy.status is None
    assert policy.spec.concurrency == 1


def test_a_status_of_this_release_is_read() -> None:
    status = read({"queueLength": 3}).status

    assert status is not None
    assert status.queue_length == 3
