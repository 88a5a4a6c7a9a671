"""The reference of the messages shows messages that are understood."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import orjson

from attune_executor.wire.dispatches import decode_dispatches
from attune_executor.wire.reports import decode_reports
from attune_executor.wire.requests import decode_requests

REFERENCE: Final = Path(__file__).parents[3] / "docs" / "reference" / "messages.md"
DECODERS: Final[dict[str, Callable[[bytes], Any]]] = {
    "ExecutionRequested": decode_requests,
    "ExecutionDispatched": decode_dispatches,
    "ExecutionStarted": decode_reports,
    "ExecutionCompleted": decode_reports,
    "WorkerHeartbeat": decode_reports,
}


def test_every_example_is_understood() -> None:
    examples = [each.encode() for each in re.findall(r"```json\n(.*?)```", REFERENCE.read_text(), re.DOTALL)]
    assert [orjson.loads(example)["message_type"] for example in examples] == list(DECODERS)
    for example, decode in zip(examples, DECODERS.values(), strict=True):
        decode(example)
    requests = decode_requests(examples[0])
    assert [request.idempotency_key for request in requests] == ["amqp:order-4711:0", "echo-4711"]
