"""WorkerPool: what the workers of a pool can take, as their heartbeats show it."""

import pytest

from attune_executor.domain.worker_pool import ROLL_CALLS_UNTIL_LOST, WorkerPool
from attune_executor.domain.workers import Heartbeat


def beat(name: str, slots: int = 4, *held: int, draining: bool = False) -> Heartbeat:
    return Heartbeat(name, "default", slots, draining, [(execution_id, 1) for execution_id in held])


def test_no_workers_no_room() -> None:
    pool = WorkerPool("default")
    assert pool.room == 0
    pool.ran(0.001)
    assert pool.room == 0


def test_room_is_the_slots_less_what_is_in_flight() -> None:
    pool = WorkerPool("default", in_flight=3)
    pool.heard(beat("a"), set())
    pool.heard(beat("b"), set())
    assert (pool.slots, pool.room) == (8, 5)
    pool.heard(beat("b", 1), set())
    assert (pool.slots, pool.room) == (5, 2)


@pytest.mark.parametrize(("seconds", "room"), [(0.01, 10), (2.0, 8)])
def test_short_executions_are_worth_a_prefetch(seconds: float, room: int) -> None:
    pool = WorkerPool("default")
    pool.heard(beat("a", 8), set())
    pool.ran(seconds)
    assert pool.room == room


def test_what_drains_is_in_nobodys_way() -> None:
    pool = WorkerPool("default", in_flight=4)
    pool.heard(beat("a", 4, 1, 2), set())
    pool.heard(beat("b"), set())
    pool.heard(beat("a", 4, 1, 2, draining=True), {1, 2})
    assert (pool.slots, pool.room) == (4, 2)
    pool.heard(beat("a", 0, 2, draining=True), {2})
    assert pool.leaving == {2}


def test_what_two_draining_workers_hold_leaves_until_both_have_let_go_of_it() -> None:
    pool = WorkerPool("default", in_flight=1)
    for worker in ("a", "b"):
        pool.heard(beat(worker, 1, 7, draining=True), {7})
    pool.heard(beat("a", 1), set())
    assert (pool.leaving, pool.room) == ({7}, 1)
    pool.left(7)
    pool.heard(beat("c", 0), set())
    assert (pool.leaving, pool.room) == (set(), 0)


def test_a_worker_that_does_not_answer_is_lost_with_its_slots() -> None:
    pool = WorkerPool("default")
    pool.heard(beat("a"), set())
    pool.heard(beat("b", 4, 7, draining=True), {7})
    for _ in range(ROLL_CALLS_UNTIL_LOST):
        assert pool.call_roll() == []
    pool.heard(beat("a"), set())
    assert [worker.name for worker in pool.call_roll()] == ["b"]
    assert (pool.slots, pool.leaving) == (4, set())


def test_idle_slots_are_those_of_workers_that_answer_and_take_more() -> None:
    pool = WorkerPool("default")
    pool.heard(beat("a", 4, 1), {1})
    pool.heard(beat("b", 4, draining=True), set())
    assert pool.idle_slots == 3
    pool.call_roll()
    assert pool.idle_slots == 3
    pool.call_roll()
    assert pool.idle_slots == 0


def test_a_shard_counts_on_its_share_and_on_what_the_others_leave() -> None:
    pool = WorkerPool("default", shards=4)
    pool.heard(beat("a", 8), set())
    assert pool.room == 8
    pool.heard(beat("a", 8, 1, 2, 3, 4, 5), {1})
    pool.in_flight = 1
    assert pool.room == 3
    pool.heard(beat("a", 8, *range(2, 10)), set())
    pool.in_flight = 0
    assert pool.room == 2
