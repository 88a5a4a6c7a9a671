"""The API's global rate limit: a minute's worth at once, evenly afterwards, never more."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attune_executor.api.rate_limit import SubmissionLimit, admit
from unit.api.api_world import REF, ApiWorld, api_world

PATH = "/api/v1/executions"
BODY = {"action_ref": REF}


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limit(clock: Clock) -> SubmissionLimit:
    return SubmissionLimit(3, clock)


@pytest.fixture
async def world(limit: SubmissionLimit) -> AsyncIterator[ApiWorld]:
    async with api_world(submissions=limit) as world:
        await world.declare(concurrency=100)
        yield world


def test_a_minutes_worth_at_once_then_evenly() -> None:
    booked, taken = 0.0, list[int]()
    for second in range(120):
        while True:
            wait, booked = admit(6, booked, second)
            if wait:
                break
            taken.append(second)
    assert taken == [0] * 6 + list(range(10, 120, 10))


def test_the_wait_is_exact() -> None:
    booked, now = 0.0, 5.0
    for _ in range(4):
        wait, booked = admit(4, booked, now)
        assert wait == 0
    wait, booked = admit(4, booked, now + 5)
    assert wait == pytest.approx(10)
    assert admit(4, booked, now + 5 + wait).wait_seconds == 0


@given(
    per_minute=st.integers(1, 5000),
    pauses=st.lists(st.floats(0, 120), min_size=1, max_size=200),
    start=st.floats(0, 1e7),
)
def test_never_more_than_the_burst_and_the_rate(per_minute: int, pauses: list[float], start: float) -> None:
    booked, now, times = 0.0, start, list[float]()
    for pause in pauses:
        now += pause
        wait, booked = admit(per_minute, booked, now)
        if not wait:
            times.append(now)
    for first, since in enumerate(times):
        for count, until in enumerate(times[first:], start=1):
            assert count <= per_minute + (until - since) * per_minute / 60 + 1e-3


@given(per_minute=st.integers(1, 5000), spare=st.floats(0, 1), start=st.floats(0, 1e7))
def test_who_keeps_to_the_rate_is_never_refused(per_minute: int, spare: float, start: float) -> None:
    booked, now = 0.0, start
    for _ in range(200):
        wait, booked = admit(per_minute, booked, now)
        assert wait == 0
        now += 60 / per_minute * (1 + spare)


async def test_the_next_request_is_told_when_to_come_back(world: ApiWorld, clock: Clock) -> None:
    for _ in range(3):
        assert (await world.client.post(PATH, json=BODY)).status_code == 201
    refused = await world.client.post(PATH, json=BODY)
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "20"
    assert refused.json() == {
        "error": "More than 3 requests a minute: come back in 20 s, send executions in batches, or"
        " have max_requests_per_minute raised (api.rate_limits.global, or apiRateLimit of the ExecutorConfig)",
        "code": "rate_limited",
        "details": {"max_requests_per_minute": 3, "retry_after_seconds": 20},
    }
    assert len(world.store.executions) == 3
    clock.now += 20
    assert (await world.client.post(PATH, json=BODY)).status_code == 201


async def test_looking_is_not_limited(world: ApiWorld) -> None:
    for _ in range(3):
        await world.client.post(PATH, json=BODY)
    for path in (f"{PATH}/1", "/api/v1/queues", "/livez"):
        assert (await world.client.get(path)).status_code == 200


async def test_a_batch_is_one_request(world: ApiWorld) -> None:
    for _ in range(3):
        assert (await world.submit(*[REF] * 20)).status_code == 201


async def test_the_limit_changes_while_it_is_in_force(world: ApiWorld, limit: SubmissionLimit) -> None:
    for _ in range(3):
        await world.client.post(PATH, json=BODY)
    assert (await world.client.post(PATH, json=BODY)).status_code == 429
    limit.per_minute = None
    assert (await world.client.post(PATH, json=BODY)).status_code == 201
    limit.per_minute = 1
    assert (await world.client.post(PATH, json=BODY)).status_code == 429
