"""What `attune stuck` makes of statuses and of the executor's answer, and what it says mends each."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from attune_operator.ctl.stuck import executions_grid, mend, queues_grid, stuck_queues
from attune_operator.resources import ActionQueuePolicy, ActionQueuePolicyStatus

NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
MakePolicy = Callable[..., ActionQueuePolicy]
WORKERS = {"deployment": "attune-worker", "maxReplicas": 3}


def with_status(policy: ActionQueuePolicy, minutes: float = 11, **status: Any) -> ActionQueuePolicy:
    fields = {"queueLength": 4, "activeCount": 2, "lastUpdated": NOW - timedelta(minutes=minutes), **status}
    read = ActionQueuePolicyStatus.model_validate({"conditions": [], **fields})
    return policy.model_copy(update={"status": read})


def found(*policies: ActionQueuePolicy, minutes: float = 10) -> list[str]:
    return [queue.policy for queue in stuck_queues(policies, minutes * 60, "attune-system", NOW)]


def test_a_queue_with_work_that_does_not_move_is_stuck_the_stalest_first(make_policy: MakePolicy) -> None:
    policies = (
        with_status(make_policy("a")),
        with_status(make_policy("b"), minutes=40),
        with_status(make_policy("c"), 9),
    )
    assert found(*policies) == ["b", "a"]
    assert found(*policies, minutes=5) == ["b", "a", "c"]
    assert found(make_policy("unknown")) == []


@pytest.mark.parametrize(
    ("spec", "status"),
    [
        ({}, {"queueLength": 0, "activeCount": 0}),
        ({"admission": "Hold"}, {"activeCount": 0}),
        ({"executionTimeoutSeconds": 3600}, {}),
        ({"rateLimit": {"maxExecutions": 1, "windowSeconds": 3600}}, {"activeCount": 0}),
    ],
    ids=["empty", "paused", "may run for longer", "rate-limited"],
)
def test_a_queue_with_an_excuse_is_not(make_policy: MakePolicy, spec: dict[str, Any], status: dict[str, Any]) -> None:
    assert found(with_status(make_policy(**spec), **status)) == []


@pytest.mark.parametrize(
    ("status", "command"),
    [
        ({}, "attune stuck echo: see its executions"),
        (
            {"activeCount": 0, "workers": {"current": 1, "ready": 0, "desired": 1}},
            "kubectl -n attune-system describe deployment attune-worker",
        ),
        (
            {"activeCount": 0, "workers": {"current": 1, "ready": 1, "desired": 1}},
            "kubectl -n operators rollout restart deployment/attune-operator",
        ),
    ],
)
def test_what_mends_a_queue(make_policy: MakePolicy, status: dict[str, Any], command: str) -> None:
    (queue,) = stuck_queues([with_status(make_policy(workers=WORKERS), **status)], 600, "operators", NOW)
    assert queue.mend == command
    assert command in queues_grid([queue], wide=False).rows[0]
    assert queue.document()["stale_seconds"] == 660


def execution(**fields: Any) -> dict[str, Any]:
    return {
        "id": 7,
        "action_ref": "core.echo",
        "status": "running",
        "attempt": 1,
        "pool": "default",
        "worker": "attune-worker-x",
        "since": (NOW - timedelta(minutes=12)).isoformat(),
        "last_heartbeat": (NOW - timedelta(seconds=3)).isoformat(),
        "held": True,
        "cancelling": False,
        "times_out_at": None,
        **fields,
    }


@pytest.mark.parametrize(
    ("fields", "command"),
    [
        ({}, "attune complete --force 7"),
        ({"last_heartbeat": None}, "kubectl -n attune-system delete pod attune-worker-x"),
        (
            {"last_heartbeat": (NOW - timedelta(seconds=60)).isoformat()},
            "kubectl -n attune-system delete pod attune-worker-x",
        ),
        ({"worker": None, "last_heartbeat": None}, "kubectl -n attune-system get deployment attune-worker"),
        ({"cancelling": True}, "wait: its worker was told to stop it, and has 30 s"),
    ],
)
def test_what_mends_an_execution(make_policy: MakePolicy, fields: dict[str, Any], command: str) -> None:
    assert mend(execution(**fields), make_policy(workers=WORKERS), NOW) == command


def test_executions_are_shown_with_all_that_is_known(make_policy: MakePolicy) -> None:
    shown = {**execution(times_out_at=(NOW + timedelta(minutes=48)).isoformat()), "mend": "do it"}
    (row,) = executions_grid([shown], NOW, wide=False).rows
    assert row == ["7", "core.echo", "running", "12m", "attune-worker-x", "3s", "in 48m", "do it"]
    grid = executions_grid([shown], NOW, wide=True)
    assert dict(zip(grid.heads, grid.rows[0], strict=True))["HELD"] == "yes"
    assert mend(execution(worker=None, last_heartbeat=None), None, NOW) == "start workers of pool default"
    assert make_policy().status is None
