"""What executors that share the shards have to be told."""

from typing import Any

import pytest
from pydantic import ValidationError

from attune_executor.api.settings import ApiSettings
from attune_executor.settings import Settings

CONNECTIONS: dict[str, Any] = {
    "database": {"url": "postgresql://attune@database/attune"},
    "message_queue": {"url": "amqp://broker/"},
}
SHARED: dict[str, Any] = {"sharding": {"count": 4, "cooperative": True}}


@pytest.mark.parametrize(
    ("api", "executor", "named"),
    [
        ({"host": "0.0.0.0"}, {}, r"api\.advertise_url"),  # noqa: S104 - what is refused
        ({}, {"queue": {"enable_metrics": False}}, r"executor\.queue\.enable_metrics"),
        ({"advertise_url": "10.0.0.7:8080"}, {}, r"advertise_url"),
    ],
)
def test_what_cannot_be_shared_is_refused_by_name(api: dict[str, Any], executor: dict[str, Any], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        Settings.load(**CONNECTIONS, api=api, executor={**SHARED, **executor})


def test_alone_nothing_need_be_advertised() -> None:
    assert Settings.load(**CONNECTIONS, api={"host": "0.0.0.0"}).executor.sharding.count == 1  # noqa: S104 - as above


def test_peers_are_told_where_the_api_is() -> None:
    assert ApiSettings(host="::1", port=81).peers_url == "http://[::1]:81"
    assert ApiSettings(advertise_url="http://here:80/").peers_url == "http://here:80"
