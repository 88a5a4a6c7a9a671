"""A policy out of range is refused with the field and the remedy."""

from typing import Any

import pytest

from attune_executor.domain.errors import PolicyError
from attune_executor.domain.policy import QueuePolicy


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"concurrency": 0}, "concurrency is 0: set it to 1 or more"),
        ({"concurrency": 1, "max_queue_length": -1}, "max_queue_length is -1: set it to 0 or more"),
        ({"concurrency": 1, "pool": ""}, "pool is '': use 1 to 63 lower-case letters"),
        ({"concurrency": 1, "pool": "a.*"}, "not a hyphen first or last"),
        ({"concurrency": 1, "pool": "workers.team.a"}, "a namespace may follow after a dot"),
        ({"concurrency": 1, "peak_window_seconds": 59}, "peak_window_seconds is 59: set it to 60 or more"),
    ],
)
def test_out_of_range(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        QueuePolicy(**fields)


def test_a_pool_may_be_named_with_its_namespace() -> None:
    assert QueuePolicy(1, pool="workers.team-a").pool == "workers.team-a"
