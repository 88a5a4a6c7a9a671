"""What the engine relies on of any journal."""

import itertools
import json
from collections.abc import AsyncIterator

import pytest

from attune_executor.domain.execution import TERMINAL, ExecutionStatus
from attune_executor.domain.policy import Admission, QueuePolicy, RateLimit, RetryPolicy, WorkerLost
from attune_executor.domain.rate_meter import RateMark
from attune_executor.domain.records import (
    Accepted,
    Dispatched,
    Finished,
    Postponed,
    RateMarks,
    Started,
    TurnRecord,
)
from attune_executor.domain.stats import Load, QueueStats
from attune_executor.ports.journal import (
    ActiveExecution,
    EndedElsewhere,
    FencedError,
    Journal,
    JournalError,
    OperatorChanges,
    StoredExecution,
    WaitingRun,
)
from contract.journal_rig import JournalRig, active, open_ids, waiting
from contract.memory_journal_rig import MemoryJournalRig
from contract.postgres_journal_rig import PostgresJournalRig

REF = "core.echo"
NOW = 1_700_000_000.25
POLICY = QueuePolicy(
    concurrency=3,
    max_queue_length=7,
    admission=Admission.HOLD,
    pool="gpu",
    peak_window_seconds=90,
    queue_timeout_seconds=None,
    execution_timeout_seconds=1.5,
    group_by=("tenant", "zone"),
    rate_limit=RateLimit(10, 0.5),
    priority=2,
    tags=("low-priority",),
    retry=RetryPolicy(3, 0.25, WorkerLost.FAIL),
)


@pytest.fixture(params=["memory", "postgres"])
async def rig(request: pytest.FixtureRequest, migrated_url: str) -> AsyncIterator[JournalRig]:
    rig: JournalRig = MemoryJournalRig() if request.param == "memory" else PostgresJournalRig(migrated_url)
    yield rig
    await rig.close()


@pytest.fixture
async def journal(rig: JournalRig) -> Journal:
    """A journal that owns the shard."""
    journal = await rig.journal()
    await journal.acquire("first")
    return journal


@pytest.fixture
async def action(journal: Journal) -> int:
    return (await journal.save_policies({REF: QueuePolicy(concurrency=2)}))[REF]


def accepted(
    execution_id: int,
    action_id: int,
    order: int | None = None,
    *,
    dispatch_order: int | None = None,
    key: str | None = None,
    parameters: bytes = b'{"n": 1}',
) -> Accepted:
    queue_order = execution_id if order is None else order
    return Accepted(execution_id, action_id, REF, queue_order, parameters, key, NOW, dispatch_order)


def finished(
    execution_id: int, status: ExecutionStatus = ExecutionStatus.SUCCEEDED, result: bytes | None = b'{"ok": true}'
) -> Finished:
    return Finished(execution_id, 1, status, result, "worker-1", NOW + 1, NOW + 2)


async def stored(journal: Journal, execution_id: int) -> StoredExecution:
    found = await journal.execution(execution_id)
    assert found is not None
    return found


async def told(journal: Journal) -> OperatorChanges | None:
    """What an operator did, None where that is nothing."""
    changes = await journal.operator_changes()
    return changes if changes.ended or changes.enabled else None


async def test_every_acquisition_is_a_new_epoch_and_brings_the_last_orders(rig: JournalRig) -> None:
    first, second = await rig.journal(), await rig.journal()
    one = await first.acquire("one")
    assert (one.owner, one.publish_order, one.confirmed_order) == ("one", 0, 0)
    await first.commit(TurnRecord(publish_order=17, confirmed_order=11))
    two = await second.acquire("two")
    assert two.epoch > one.epoch
    assert (two.owner, two.publish_order, two.confirmed_order) == ("two", 17, 11)


async def test_a_commit_before_any_acquisition_is_refused(rig: JournalRig) -> None:
    with pytest.raises(JournalError):
        await (await rig.journal()).commit(TurnRecord())


async def test_a_past_owner_writes_nothing(rig: JournalRig, journal: Journal, action: int) -> None:
    await journal.commit(TurnRecord(accepted=[accepted(1, action), accepted(2, action)], publish_order=4))
    successor = await rig.journal()
    await successor.acquire("second")
    before = [await stored(successor, execution_id) for execution_id in (1, 2)]
    with pytest.raises(FencedError):
        await journal.commit(
            TurnRecord(
                accepted=[accepted(3, action)],
                dispatched=[Dispatched(1, 1, 5)],
                finished=[finished(2)],
                publish_order=5,
                confirmed_order=5,
            )
        )
    assert [await stored(successor, execution_id) for execution_id in (1, 2)] == before
    assert await successor.execution(3) is None
    again = await successor.acquire("second")
    assert (again.publish_order, again.confirmed_order) == (4, 0)


async def test_a_past_owner_cannot_put_an_old_policy_back(rig: JournalRig, journal: Journal, action: int) -> None:
    successor = await rig.journal()
    await successor.acquire("second")
    await successor.save_policies({REF: QueuePolicy(concurrency=9)})
    with pytest.raises(FencedError):
        await journal.save_policies({REF: QueuePolicy(concurrency=1)})
    (known,) = await successor.actions()
    assert known.action_id == action
    assert known.policy == QueuePolicy(concurrency=9)


async def test_the_same_owner_may_acquire_again(journal: Journal, action: int) -> None:
    await journal.acquire("first")
    await journal.commit(TurnRecord(accepted=[accepted(1, action)]))
    assert (await stored(journal, 1)).status is ExecutionStatus.REQUESTED


async def test_an_accepted_execution_waits(journal: Journal, action: int) -> None:
    parameters = '{"text": "a \\"quoted\\" ü\\\\u0000", "big": 123456789012345678901234567890}'.encode()
    await journal.commit(TurnRecord(accepted=[accepted(5, action, 1, parameters=parameters)]))
    found = await stored(journal, 5)
    assert json.loads(found.parameters) == json.loads(parameters)
    assert found == StoredExecution(
        5, action, REF, ExecutionStatus.REQUESTED, 1, 0, None, found.parameters, None, NOW, None, found.updated
    )
    assert await waiting(journal) == [WaitingRun(action, None, (5,), (1,), (NOW,))]


async def test_an_execution_accepted_and_dispatched_in_one_turn(rig: JournalRig, journal: Journal, action: int) -> None:
    await journal.commit(TurnRecord(accepted=[accepted(5, action, 1, dispatch_order=40)], publish_order=40))
    (held,) = await active(journal)
    assert held._replace(updated=0.0) == ActiveExecution(5, action, ExecutionStatus.SCHEDULED, 1, 40)
    assert held.updated > 0
    assert await rig.orders(5) == (40, 40)


async def test_dispatching_returns_parameters_and_keeps_the_first_order(
    rig: JournalRig, journal: Journal, action: int
) -> None:
    await journal.commit(TurnRecord(accepted=[accepted(1, action, parameters=b'{"n":1}'), accepted(2, action)]))
    first, _ = await journal.commit(TurnRecord(dispatched=[Dispatched(1, 1, 7)], publish_order=7))
    assert {key: json.loads(value) for key, value in first.items()} == {1: {"n": 1}}
    again, _ = await journal.commit(TurnRecord(dispatched=[Dispatched(1, 2, 9), Dispatched(2, 1, 8)], publish_order=9))
    assert sorted(again) == [1, 2]
    assert await rig.orders(1) == (7, 9)
    assert await rig.orders(2) == (8, 8)
    assert [(row.execution_id, row.attempt, row.publish_order) for row in await active(journal)] == [
        (1, 2, 9),
        (2, 1, 8),
    ]


async def test_starting_and_finishing(journal: Journal, action: int) -> None:
    await journal.commit(TurnRecord(accepted=[accepted(1, action, dispatch_order=1)], publish_order=1))
    await journal.commit(TurnRecord(started=[Started(1, 1, "worker-1", NOW + 1)]))
    running = await stored(journal, 1)
    assert (running.status, running.worker, running.started_at) == (ExecutionStatus.RUNNING, "worker-1", NOW + 1)
    await journal.commit(TurnRecord(finished=[finished(1)]))
    done = await stored(journal, 1)
    assert (done.status, done.worker, done.started_at) == (ExecutionStatus.SUCCEEDED, "worker-1", NOW + 1)
    assert done.result is not None
    assert json.loads(done.result) == {"ok": True}
    assert await open_ids(journal) == []


async def test_what_a_completion_does_not_know_stays(journal: Journal, action: int) -> None:
    await journal.commit(TurnRecord(accepted=[accepted(1, action, dispatch_order=1)], publish_order=1))
    await journal.commit(TurnRecord(started=[Started(1, 1, "worker-1", NOW + 1)]))
    await journal.commit(TurnRecord(finished=[Finished(1, 1, ExecutionStatus.TIMEOUT, None, None, None, NOW + 9)]))
    done = await stored(journal, 1)
    assert (done.status, done.worker, done.started_at, done.result) == (
        ExecutionStatus.TIMEOUT,
        "worker-1",
        NOW + 1,
        None,
    )


@pytest.mark.parametrize("first", sorted(TERMINAL))
async def test_the_first_terminal_status_wins(journal: Journal, action: int, first: ExecutionStatus) -> None:
    await journal.commit(TurnRecord(accepted=[accepted(1, action, dispatch_order=1)], publish_order=1))
    await journal.commit(TurnRecord(finished=[finished(1, first, b'"first"')]))
    for late in (
        TurnRecord(finished=[finished(1, ExecutionStatus.FAILED, b'"late"')]),
        TurnRecord(started=[Started(1, 1, "worker-2", NOW)]),
        TurnRecord(dispatched=[Dispatched(1, 2, 2)], publish_order=2),
    ):
        assert (await journal.commit(late)).parameters == {}
        final = await stored(journal, 1)
        assert (final.status, final.result, final.worker) == (first, b'"first"', "worker-1")
    assert await open_ids(journal) == []


async def test_what_an_operator_ended_is_not_dispatched(rig: JournalRig, journal: Journal, action: int) -> None:
    await journal.commit(TurnRecord(accepted=[accepted(1, action), accepted(2, action)]))
    await rig.end_by_operator(1)
    handed_out, _ = await journal.commit(TurnRecord(dispatched=[Dispatched(1, 1, 1), Dispatched(2, 1, 2)]))
    assert list(handed_out) == [2]
    assert await open_ids(journal) == [2]


async def test_a_report_about_an_unknown_execution_changes_nothing(journal: Journal, action: int) -> None:
    await journal.commit(TurnRecord(accepted=[accepted(1, action)]))
    await journal.commit(TurnRecord(started=[Started(99, 1, "w", NOW)], finished=[finished(98)]))
    assert await open_ids(journal) == [1]


async def test_a_turn_is_written_whole(rig: JournalRig, journal: Journal, action: int) -> None:
    await journal.commit(
        TurnRecord(accepted=[accepted(1, action), accepted(2, action, dispatch_order=1), accepted(3, action)])
    )
    parameters, taken = await journal.commit(
        TurnRecord(
            accepted=[accepted(4, action), accepted(5, action, dispatch_order=3)],
            dispatched=[Dispatched(1, 1, 2)],
            finished=[finished(2)],
            publish_order=3,
            confirmed_order=1,
        )
    )
    assert (list(parameters), list(taken)) == ([1], [])
    assert [(row.execution_id, row.status.value, row.publish_order) for row in await active(journal)] == [
        (1, "scheduled", 2),
        (5, "scheduled", 3),
    ]
    assert [run.execution_ids for run in await waiting(journal)] == [(3, 4)]
    successor = await (await rig.journal()).acquire("second")
    assert (successor.publish_order, successor.confirmed_order) == (3, 1)


async def test_what_waits_comes_by_line_in_queue_order(rig: JournalRig, journal: Journal, action: int) -> None:
    other = (await journal.save_policies({"core.sleep": None}))["core.sleep"]
    rows = [accepted(10_000 - order, action, order)._replace(group_key="ab"[order % 2]) for order in range(1, 5001)]
    rows += [accepted(20_000 - order, other, order)._replace(created=NOW + order) for order in range(1, 31)]
    rows[100] = rows[100]._replace(dispatch_order=1)
    await journal.commit(TurnRecord(accepted=rows[::-1], publish_order=1))
    successor = await rig.journal()
    await successor.acquire("second")
    lines: dict[tuple[int, str | None], list[tuple[int, int, float]]] = {}
    for run in await waiting(successor):
        lines.setdefault((run.action_id, run.group_key), []).extend(
            zip(run.execution_ids, run.queue_orders, run.created, strict=True)
        )
    expected: dict[tuple[int, str | None], list[tuple[int, int, float]]] = {}
    for row in rows[:100] + rows[101:]:
        place = row.execution_id, row.queue_order, row.created
        expected.setdefault((row.action_id, row.group_key), []).append(place)
    assert lines == expected
    assert [row.execution_id for row in await active(successor)] == [rows[100].execution_id]


async def test_reserved_ids_ascend_and_never_repeat(rig: JournalRig, journal: Journal) -> None:
    other = await rig.journal()
    blocks = [await journal.reserve_ids(10), await other.reserve_ids(1), await journal.reserve_ids(25_000)]
    blocks.append(await other.reserve_ids(3))
    assert [len(block) >= count for block, count in zip(blocks, (10, 1, 25_000, 3), strict=True)] == [True] * 4
    assert blocks[0].start >= 1
    for earlier, later in itertools.pairwise(blocks):
        assert later.start >= earlier.stop


async def test_a_key_that_is_taken_already_does_not_take_its_turn_along(
    rig: JournalRig, journal: Journal, action: int
) -> None:
    await journal.commit(TurnRecord(accepted=[accepted(1, action, key="b")]))
    committed = await journal.commit(
        TurnRecord(
            accepted=[
                accepted(2, action, key="a"),
                accepted(3, action, key="b", dispatch_order=1),
                accepted(4, action),
                accepted(5, action, key="b2"),
            ],
            dispatched=[Dispatched(1, 1, 2)],
            publish_order=2,
        )
    )
    assert (list(committed.parameters), list(committed.taken)) == ([1], [3])
    assert await open_ids(journal) == [1, 2, 4, 5]
    found = await journal.find_idempotent(["a", "b", "b2"])
    assert {key: row.execution_id for key, row in found.items()} == {"a": 2, "b": 1, "b2": 5}
    successor = await rig.journal()
    await successor.acquire("second")
    with pytest.raises(FencedError):
        await journal.commit(TurnRecord(accepted=[accepted(6, action, key="b")]))


async def test_idempotency_keys_are_found(journal: Journal, action: int) -> None:
    await journal.commit(
        TurnRecord(accepted=[accepted(1, action, key="a"), accepted(2, action, key="b"), accepted(3, action)])
    )
    found = await journal.find_idempotent(["b", "never", "b"])
    assert {key: row.execution_id for key, row in found.items()} == {"b": 2}
    assert await journal.find_idempotent([]) == {}


async def test_groups_failures_and_cancels_are_kept_for_the_next_owner(journal: Journal, action: int) -> None:
    await journal.commit(TurnRecord(accepted=[accepted(1, action)._replace(group_key='["a"]'), accepted(2, action)]))
    await journal.commit(
        TurnRecord(dispatched=[Dispatched(1, 1, 1), Dispatched(2, 1, 2)], publish_order=2, confirmed_order=2)
    )
    await journal.commit(TurnRecord(postponed=[Postponed(1, 1, NOW + 30)], cancelling=[2]))
    first, second = await active(journal)
    assert (first.group_key, first.status, first.failures, first.retry_at, first.cancelling) == (
        '["a"]',
        ExecutionStatus.SCHEDULED,
        1,
        NOW + 30,
        False,
    )
    assert (second.group_key, second.failures, second.retry_at, second.cancelling) == (None, 0, None, True)
    assert (await stored(journal, 1)).group_key == '["a"]'
    await journal.commit(TurnRecord(dispatched=[Dispatched(1, 2, 3, 1)], publish_order=3))
    first, _ = await active(journal)
    assert (first.attempt, first.failures, first.retry_at) == (2, 1, None)


async def test_an_execution_that_a_second_worker_starts_is_that_workers(journal: Journal, action: int) -> None:
    await journal.commit(TurnRecord(accepted=[accepted(1, action, dispatch_order=1)], publish_order=1))
    for worker in ("worker-1", "worker-2"):
        await journal.commit(TurnRecord(started=[Started(1, 1, worker, NOW + 1)]))
    (row,) = await active(journal)
    assert (row.status, row.worker) == (ExecutionStatus.RUNNING, "worker-2")


async def test_rate_marks_are_kept(journal: Journal, action: int) -> None:
    marks = (RateMark(NOW, NOW + 1.5, 3), RateMark(NOW + 2, NOW + 2, 1))
    await journal.commit(TurnRecord(rates=[RateMarks(action, marks)]))
    (known,) = await journal.actions()
    assert tuple(known.rate_marks) == marks


async def test_what_an_operator_does_is_told_once(rig: JournalRig, journal: Journal, action: int) -> None:
    await journal.commit(TurnRecord(accepted=[accepted(1, action), accepted(2, action, dispatch_order=1)]))
    await journal.commit(TurnRecord(finished=[finished(2)]))
    assert not await told(journal)
    await rig.end_by_operator(1)
    await rig.disable(REF)
    changes = await journal.operator_changes()
    assert list(changes.ended) == [EndedElsewhere(1, action, None, 1)]
    assert changes.enabled == {action: False}
    assert not await told(journal)


async def test_a_past_owner_is_not_told_what_its_successor_has_to_know(
    rig: JournalRig, journal: Journal, action: int
) -> None:
    await journal.commit(TurnRecord(accepted=[accepted(1, action)]))
    successor = await rig.journal()
    await successor.acquire("second")
    await rig.end_by_operator(1)
    assert not await told(journal)
    assert [ended.execution_id for ended in (await successor.operator_changes()).ended] == [1]


async def test_policies_are_kept_as_they_are(rig: JournalRig, journal: Journal) -> None:
    first = (await journal.save_policies({REF: POLICY}))[REF]
    second = (await journal.save_policies({"core.sleep": None}))["core.sleep"]
    assert first != second
    assert (await journal.save_policies({REF: POLICY}))[REF] == first
    by_ref = {known.ref: known for known in await journal.actions()}
    assert (by_ref[REF].policy, by_ref[REF].governed, by_ref[REF].enabled) == (POLICY, True, True)
    assert (by_ref["core.sleep"].policy, by_ref["core.sleep"].governed) == (None, False)
    assert (await journal.save_policies({REF: None}))[REF] == first
    await rig.disable(REF)
    by_ref = {known.ref: known for known in await journal.actions()}
    # What waits drains by the last one.
    assert (by_ref[REF].policy, by_ref[REF].governed, by_ref[REF].enabled) == (POLICY, False, False)
    assert by_ref["core.sleep"].enabled
    await journal.save_policies({REF: QueuePolicy(concurrency=1)})
    by_ref = {known.ref: known for known in await journal.actions()}
    assert (by_ref[REF].policy, by_ref[REF].governed) == (QueuePolicy(concurrency=1), True)


async def test_many_policies_are_saved_at_once_or_not_at_all(rig: JournalRig, journal: Journal, action: int) -> None:
    policies: dict[str, QueuePolicy | None] = {
        f"many.{number}": QueuePolicy(concurrency=number, priority=number % 10, tags=(f"t{number}",))
        for number in range(1, 2001)
    }
    ids = await journal.save_policies(policies | {REF: None})
    assert ids[REF] == action
    assert ids.keys() == policies.keys() | {REF}
    assert {known.ref: (known.action_id, known.policy) for known in await journal.actions() if known.governed} == {
        ref: (ids[ref], policy) for ref, policy in policies.items()
    }
    assert await journal.save_policies({}) == {}
    successor = await rig.journal()
    await successor.acquire("second")
    with pytest.raises(FencedError):
        await journal.save_policies(dict.fromkeys(policies) | {"new": POLICY})
    assert len([known for known in await successor.actions() if known.governed]) == len(policies)
    assert "new" not in {known.ref for known in await successor.actions()}


async def test_totals_are_known_from_the_executions_and_the_statistics(
    rig: JournalRig, journal: Journal, action: int
) -> None:
    assert [known.last_order for known in await journal.actions()] == [0]
    await journal.commit(TurnRecord(accepted=[accepted(1, action, 1), accepted(2, action, 2, dispatch_order=1)]))
    await journal.commit(TurnRecord(finished=[finished(2)]))
    assert [known.last_order for known in await journal.actions()] == [2]
    await rig.statistics(journal).save([stats(action, total_enqueued=5, total_rejected=3)])
    (known,) = await journal.actions()
    assert (known.last_order, known.total_rejected) == (2, 3)


def stats(action_id: int, *, total_enqueued: int, total_rejected: int = 0, oldest: float | None = None) -> QueueStats:
    load = Load(0.0, None)
    return QueueStats(action_id, "", 4, 2, 3, oldest, total_enqueued, 6, total_rejected, NOW + 3, load)


async def test_statistics_are_replaced(rig: JournalRig, journal: Journal, action: int) -> None:
    repository = rig.statistics(journal)
    other = (await journal.save_policies({"core.sleep": None}))["core.sleep"]
    await repository.save([])
    assert await rig.stats_of(action) is None
    await repository.save([stats(action, total_enqueued=1, oldest=NOW), stats(other, total_enqueued=2)])
    assert await rig.stats_of(action) == stats(action, total_enqueued=1, oldest=NOW)
    await repository.save([stats(action, total_enqueued=8)])
    assert await rig.stats_of(action) == stats(action, total_enqueued=8)
    assert await rig.stats_of(other) == stats(other, total_enqueued=2)
