"""What `attune status` and `attune check` make of the policies' statuses."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from attune_operator.ctl.leadership import leadership_problem
from attune_operator.ctl.nagios import State, check_queues
from attune_operator.ctl.queues import Queue, Severity, duration, longest_first, queue_grid, queue_of
from attune_operator.lease import Lease
from attune_operator.resources import ActionQueuePolicy, ActionQueuePolicyStatus

NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
MakePolicy = Callable[..., ActionQueuePolicy]
MakeQueue = Callable[..., Queue]


@pytest.fixture
def make_queue(make_policy: MakePolicy) -> MakeQueue:
    """Make the queue of a policy with a status; `ready` and `stuck` are conditions, `admission` is of the spec."""

    def make(
        name: str = "echo", *, ready: str = "True", stuck: str = "False", admission: str = "Open", **status: Any
    ) -> Queue:
        conditions = [
            {
                "type": kind,
                "status": value,
                "lastTransitionTime": NOW,
                "reason": "Because",
                "message": "of this",
            }
            for kind, value in (("Ready", ready), ("Stuck", stuck))
        ]
        policy = make_policy(name, actionRef=f"core.{name}", admission=admission)
        read = ActionQueuePolicyStatus.model_validate({"conditions": conditions, **status})
        return queue_of(policy.model_copy(update={"status": read}), NOW)

    return make


@pytest.mark.parametrize(
    ("length", "note", "severity"),
    [
        (100, "", Severity.FINE),
        (101, "investigate load", Severity.WARNING),
        (500, "investigate load", Severity.WARNING),
        (501, "add workers", Severity.CRITICAL),
        (1001, "emergency response", Severity.CRITICAL),
    ],
)
def test_the_runbooks_thresholds_for_length(make_queue: MakeQueue, length: int, note: str, severity: Severity) -> None:
    queue = make_queue(queueLength=length)
    assert (", ".join(queue.notes), queue.severity) == (note, severity)


@pytest.mark.parametrize(("active", "note"), [(3, "add workers"), (4, "raise concurrency")])
def test_no_workers_are_called_for_that_would_idle(make_queue: MakeQueue, active: int, note: str) -> None:
    queue = make_queue(queueLength=501, activeCount=active, maxConcurrent=4)
    assert (queue.notes, queue.severity) == ((note,), Severity.CRITICAL)


@pytest.mark.parametrize(
    ("minutes", "note", "severity"),
    [
        (10, "", Severity.FINE),
        (11, "oldest over 10 min: check workers", Severity.WARNING),
        (31, "oldest over 30 min: critical issue", Severity.CRITICAL),
    ],
)
def test_the_runbooks_thresholds_for_age(make_queue: MakeQueue, minutes: int, note: str, severity: Severity) -> None:
    queue = make_queue(queueLength=1, oldestEnqueuedAt=NOW - timedelta(minutes=minutes))
    assert (", ".join(queue.notes), queue.severity) == (note, severity)


def test_what_else_one_should_know(make_queue: MakeQueue) -> None:
    assert make_queue(stuck="True").notes == ("stuck",)
    assert make_queue(ready="False").notes == ("not in force",)
    assert make_queue(ready="Unknown").notes == ("figures may be old",)
    assert make_queue(admission="Hold").notes == ("paused",)
    assert make_queue(admission="Closed").notes == ("closed",)


def test_a_policy_that_no_operator_has_looked_at(make_policy: MakePolicy) -> None:
    queue = queue_of(make_policy(), NOW)
    assert (queue.queue_length, queue.ready, queue.severity) == (None, "Unknown", Severity.CRITICAL)
    (row,) = queue_grid([queue], wide=False).rows
    assert row[:5] == ["echo", "core.echo", "-", "-", "-"]


def test_rows_and_documents_say_the_same(make_queue: MakeQueue) -> None:
    queue = make_queue(
        queueLength=3,
        activeCount=10,
        maxConcurrent=10,
        oldestEnqueuedAt=NOW - timedelta(seconds=75),
        totalEnqueued=200,
        totalCompleted=150,
        workers={"ready": 1, "desired": 2},
    )
    grid = queue_grid([queue], wide=False)
    expected = ["echo", "core.echo", "3", "10", "10", "1m15s", "75.0%", "1/2", "True", ""]
    assert list(grid.rows[0]) == expected
    wide = queue_grid([queue], wide=True)
    assert len(wide.heads) == len(wide.rows[0])
    document = queue.document()
    assert (document["queue_length"], document["oldest_age_seconds"], document["severity"]) == (3, 75, "fine")
    assert document["oldest_enqueued_at"] == "2026-12-01T11:58:45+00:00"


def test_the_longest_queue_comes_first(make_queue: MakeQueue) -> None:
    queues = [make_queue("a"), make_queue("b", queueLength=2), make_queue("c", queueLength=7)]
    assert [queue.policy for queue in longest_first(queues)] == ["c", "b", "a"]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, "-"), (0, "0s"), (59.9, "59s"), (60, "1m"), (3599, "59m59s"), (7500, "2h5m"), (86_400, "1d")],
)
def test_durations(seconds: float | None, said: str) -> None:
    assert duration(seconds) == said


@pytest.mark.parametrize(
    ("length", "state", "text"),
    [
        (0, State.OK, "OK: Max queue depth 0"),
        (99, State.OK, "OK: Max queue depth 99"),
        (100, State.WARNING, "WARNING: Max queue depth 100 >= 100"),
        (500, State.CRITICAL, "CRITICAL: Max queue depth 500 >= 500"),
    ],
)
def test_the_runbooks_nagios_check(make_queue: MakeQueue, length: int, state: State, text: str) -> None:
    queues = [make_queue("a", queueLength=length), make_queue("b", queueLength=0)]
    assert check_queues(queues, None, 100, 500) == (state, text)


def test_the_check_of_no_queue_at_all_is_the_runbooks() -> None:
    assert check_queues([], None, 100, 500) == (State.OK, "OK: Max queue depth 0")


def test_figures_that_may_be_old_are_never_fine(make_queue: MakeQueue) -> None:
    fine, old = make_queue("a", queueLength=1), make_queue("b", queueLength=2, ready="Unknown")
    assert check_queues([fine], "no operator leads", 100, 500) == (State.UNKNOWN, "UNKNOWN: no operator leads")
    assert check_queues([fine, old], None, 100, 500) == (
        State.UNKNOWN,
        "UNKNOWN: the operator has no figures of core.b",
    )
    assert check_queues([make_queue("a")], None, 100, 500).state is State.UNKNOWN
    assert check_queues([make_queue("a", queueLength=900), old], None, 100, 500).state is State.CRITICAL


def lease(**spec: Any) -> Lease:
    return Lease.model_validate({"metadata": {"name": "attune-operator"}, "spec": spec})


def test_a_lease_that_is_not_renewed_makes_figures_old() -> None:
    renewed = NOW - timedelta(seconds=65)
    assert leadership_problem(lease(renewTime=renewed, leaseDurationSeconds=10), NOW) is None
    problem = leadership_problem(lease(renewTime=renewed, leaseDurationSeconds=1), NOW)
    assert problem is not None
    assert problem.startswith("no operator has led for 65 s")
    never = leadership_problem(lease(), NOW)
    assert never is not None
    assert "never renewed" in never
