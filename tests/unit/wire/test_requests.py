"""Requested executions: what they say, the keys they get, and what is wrong with those that say nothing."""

from typing import Any

import orjson
import pytest

from attune_executor.domain.submission import ExecutionRequest
from attune_executor.wire.envelope import MalformedMessageError
from attune_executor.wire.requests import decode_requests, encode_requests

REF = "core.echo"


def message(payload: Any = None, **over: Any) -> bytes:
    envelope = orjson.loads(encode_requests([ExecutionRequest(REF, b"{}")], "client").body)
    if payload is not None:
        envelope["payload"] = payload
    return orjson.dumps({**envelope, **over})


def executions(*entries: Any) -> bytes:
    return message({"executions": list(entries)})


def test_requests_round_trip_and_parameters_stay_the_bytes_they_are() -> None:
    requests = [ExecutionRequest(REF, b'{ "big": 123456789012345678901234567890 }', "k-1")]
    assert decode_requests(encode_requests(requests, "client").body) == requests


def test_a_request_without_a_key_gets_one_of_its_message_and_place() -> None:
    sealed = encode_requests([ExecutionRequest(REF, b"{}"), ExecutionRequest(REF, b"{}", "mine")] * 2, "client")
    keys = [request.idempotency_key for request in decode_requests(sealed.body)]
    assert keys == [f"amqp:{sealed.message_id}:0", "mine", f"amqp:{sealed.message_id}:2", "mine"]


def test_parameters_may_be_left_out() -> None:
    assert decode_requests(executions({"action_ref": REF}))[0].parameters == b"{}"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "envelope: "),
        (b"\xff\x00", "envelope: "),
        (b"[" * 50_000, "envelope: "),
        (message(message_type="ExecutionCompleted"), "message_type is 'ExecutionCompleted'"),
        (message(version="2.0"), "version"),
        (message(message_id="m" * 201), "$.message_id"),
        (message(message_id="m\0"), "$.message_id"),
        (message([]), "payload: Expected `object`, got `array`"),
        (message({}), "missing required field `executions`"),
        (executions(), "length >= 1"),
        (executions({}), "missing required field `action_ref` - at `$.executions[0]`"),
        (executions({"action_ref": ""}), "$.executions[0].action_ref"),
        (executions({"action_ref": REF}, {"action_ref": "a\0"}), "$.executions[1].action_ref"),
        (executions({"action_ref": REF, "prameters": {}}), "unknown field `prameters`"),
        (executions({"action_ref": REF, "parameters": [1]}), "Expected `object` - at `$.executions[0].parameters`"),
        (executions({"action_ref": REF, "parameters": {"x": "\0"}}), "u0000"),
        (executions({"action_ref": REF, "idempotency_key": "k" * 256}), "length <= 255"),
        (executions({"action_ref": REF, "idempotency_key": "amqp:m-1:0"}), "idempotency_key"),
        (message().replace(b'"parameters":{}', b'"parameters":{"x":' + b"[" * 300 + b"]" * 300 + b"}"), "deeper"),
    ],
)
def test_what_is_not_understood_is_named(body: bytes, says: str) -> None:
    with pytest.raises(MalformedMessageError) as raised:
        decode_requests(body)
    assert says in str(raised.value)
