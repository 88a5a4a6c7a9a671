"""Messages say what they were given, and say what is wrong with those that say nothing."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attune_executor.domain.execution import TERMINAL, ExecutionStatus
from attune_executor.domain.records import Finished, Started
from attune_executor.domain.workers import Heartbeat
from attune_executor.ports.broker import Cancel, Dispatch
from attune_executor.wire.control import Control, decode_control, encode_cancels, encode_roll_call
from attune_executor.wire.dispatches import Assignment, decode_dispatches, encode_dispatches
from attune_executor.wire.envelope import MalformedMessageError, Origin
from attune_executor.wire.reports import Reports, decode_reports, encode_completions, encode_heartbeat, encode_starts

ids = st.integers(1, 2**63 - 1)
attempts = st.integers(1, 2**31 - 1)
seconds = st.floats(0, 2**33)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('ab\n"\\é', max_size=3), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
objects = st.dictionaries(st.text(max_size=3, alphabet="abcé"), values, max_size=3).map(orjson.dumps)


@given(
    st.lists(
        st.builds(
            Dispatch,
            ids,
            st.text("abc.", min_size=1),
            attempts,
            st.just("p"),
            objects,
            st.none() | st.floats(0, 2**33, exclude_min=True),
            st.booleans(),
        ),
        min_size=1,
    ),
    st.integers(0, 2**15 - 1),
)
def test_dispatches_round_trip(dispatches: list[Dispatch], shard: int) -> None:
    message = encode_dispatches(dispatches, shard)
    origin, assignments = decode_dispatches(message.body)
    assert origin.message_id == message.message_id
    assert assignments == [
        Assignment(
            each.execution_id,
            each.attempt,
            each.action_ref,
            each.parameters,
            each.timeout_seconds,
            each.at_most_once,
            shard,
        )
        for each in dispatches
    ]


@given(
    st.builds(
        Heartbeat,
        st.just("worker-1"),
        st.just("p"),
        st.integers(0, 100_000),
        st.booleans(),
        st.lists(st.tuples(ids, attempts)),
    )
)
def test_heartbeats_round_trip(heartbeat: Heartbeat) -> None:
    assert decode_reports(encode_heartbeat(heartbeat).body) == Reports(heartbeat=heartbeat)


@given(st.lists(st.builds(Cancel, st.just("p"), ids, attempts), min_size=1), st.integers(0, 2**15 - 1))
def test_controls_round_trip(cancels: list[Cancel], shard: int) -> None:
    assert decode_control(encode_roll_call(shard).body) == Control(roll_call=shard)
    cancelled = [(cancel.execution_id, cancel.attempt) for cancel in cancels]
    assert decode_control(encode_cancels(cancels).body) == Control(cancelled=cancelled)


def test_a_control_message_is_one_of_two() -> None:
    with pytest.raises(MalformedMessageError, match="obeys RollCalled and ExecutionCancelled"):
        decode_control(encode_starts("w", [Started(1, 1, "w", 1.0)]).body)


@given(
    st.lists(
        st.builds(
            Finished,
            ids,
            attempts,
            st.sampled_from(sorted(TERMINAL)),
            st.none() | objects,
            st.just("worker-1"),
            st.none() | seconds,
            seconds,
        ),
        min_size=1,
    )
)
def test_completions_round_trip(finished: list[Finished]) -> None:
    reports = decode_reports(encode_completions("worker-1", finished).body)
    assert (list(reports.started), list(reports.finished)) == ([], finished)


@given(st.lists(st.builds(Started, ids, attempts, st.just("worker-1"), seconds), min_size=1))
def test_starts_round_trip(started: list[Started]) -> None:
    reports = decode_reports(encode_starts("worker-1", started).body)
    assert (list(reports.started), list(reports.finished)) == (started, [])


def test_parameters_and_results_stay_the_bytes_they_are() -> None:
    document = b'{ "big": 123456789012345678901234567890, "same": 1, "same": 1.0 }'
    [assignment] = decode_dispatches(encode_dispatches([dispatch(document)]).body)[1]
    assert assignment.parameters == document
    assert decode_reports(encode_completions("w", [finished(document)]).body).finished[0].result == document


def test_the_envelope_is_the_documented_one() -> None:
    envelope = orjson.loads(encode_completions("w", [finished(b"1")], Origin("m-1", "t-1"), retry_count=2).body)
    assert envelope.pop("timestamp").endswith("Z")
    assert len(envelope.pop("message_id")) == 32
    assert envelope == {
        "correlation_id": "m-1",
        "message_type": "ExecutionCompleted",
        "version": "1.0",
        "headers": {"retry_count": 2, "source_service": "attune-worker", "trace_id": "t-1"},
        "payload": {
            "worker": "w",
            "executions": [
                {
                    "execution_id": 1,
                    "attempt": 1,
                    "status": "succeeded",
                    "result": 1,
                    "started_at": 1.0,
                    "finished_at": 2.0,
                }
            ],
        },
    }


def test_fields_of_a_later_minor_version_are_ignored() -> None:
    body = encode_dispatches([dispatch(b"{}")]).body
    later = body.replace(b'"version":"1.0"', b'"version":"1.7","new":{}').replace(b'"attempt":1', b'"attempt":1,"x":2')
    assert decode_dispatches(later)[1] == decode_dispatches(body)[1]


def dispatch(parameters: bytes) -> Dispatch:
    return Dispatch(1, "core.echo", 1, "default", parameters)


def finished(result: bytes) -> Finished:
    return Finished(1, 1, ExecutionStatus.SUCCEEDED, result, "w", 1.0, 2.0)


DISPATCHED = encode_dispatches([dispatch(b"{}")]).body
COMPLETED = encode_completions("w", [finished(b"{}")]).body


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "envelope: Input data was truncated"),
        (b"hello", "envelope: JSON is malformed"),
        (b"\xff\xfe", "envelope: JSON is malformed"),
        (b"[" * 100_000, "envelope: "),
        (b"[]", "envelope: Expected `object`"),
        (b"{}", "envelope: Object missing required field `message_id`"),
        (DISPATCHED[:-1], "envelope: Input data was truncated"),
        (DISPATCHED.replace(b'"1.0"', b'"2.0"'), r"at `\$.version`"),
        (DISPATCHED.replace(b'"retry_count":0', b'"retry_count":-1'), r"at `\$.headers.retry_count`"),
        (DISPATCHED.replace(b'"execution_id":1', b'"execution_id":"1"'), r"at `\$.executions\[0\].execution_id`"),
        (DISPATCHED.replace(b'"execution_id":1', b'"execution_id":9223372036854775808'), "execution_id"),
        (DISPATCHED.replace(b'"attempt":1', b'"attempt":0'), "attempt"),
        (DISPATCHED.replace(b'"parameters":{}', b'"parameters":[]'), "parameters of execution 1 are not an object"),
        (DISPATCHED.replace(b'"parameters":{}', b'"parameters":' + b"[" * 100_000), "envelope: "),
        (encode_dispatches([]).body, "at least|length >= 1"),
        (COMPLETED, "message_type is 'ExecutionCompleted': a worker takes ExecutionDispatched"),
    ],
    ids=range(16),
)
def test_a_malformed_dispatch_is_refused_with_its_reason(body: bytes, reason: str) -> None:
    with pytest.raises(MalformedMessageError, match=reason):
        decode_dispatches(body)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (DISPATCHED, "message_type is 'ExecutionDispatched': a worker reports"),
        (
            encode_heartbeat(Heartbeat("w", "no.such.pool", 1, draining=False, held=())).body,
            "payload: pool is 'no.such.pool'",
        ),
        (COMPLETED.replace(b'"succeeded"', b'"running"'), "status of execution 1 is 'running', not a terminal one"),
        (COMPLETED.replace(b'"succeeded"', b'"done"'), "Invalid enum value 'done'"),
        (COMPLETED.replace(b'"worker":"w"', b'"worker":""'), "worker"),
        (COMPLETED.replace(b'"worker":"w"', b'"worker":"a\\u0000b"'), "worker"),
        (COMPLETED.replace(b'"finished_at":2.0', b'"finished_at":1e300'), "finished_at"),
    ],
    ids=range(7),
)
def test_a_malformed_report_is_refused_with_its_reason(body: bytes, reason: str) -> None:
    with pytest.raises(MalformedMessageError, match=reason):
        decode_reports(body)


def test_a_result_that_no_database_holds_fails_its_own_execution_alone() -> None:
    bad, good = finished(b'"\\u0000"'), finished(b'"\\\\u0000"')
    reports = decode_reports(encode_completions("w", [bad, good]).body)
    assert [record.status for record in reports.finished] == [ExecutionStatus.FAILED, ExecutionStatus.SUCCEEDED]
    assert b"no database text can hold" in (reports.finished[0].result or b"")
    assert reports.finished[1] == good
