"""What a dead letter says of refused executions."""

from attune_executor.adapters.rabbitmq.refusals import explain
from attune_executor.domain.execution import ExecutionStatus
from attune_executor.domain.submission import Receipt, Refusal, RefusalCode

ACCEPTED = Receipt(1, "core.echo", ExecutionStatus.REQUESTED, 1, duplicate=False)
FULL = Refusal(RefusalCode.QUEUE_FULL, "Queue full (max length: 3)", "core.echo", 1)
UNKNOWN = Refusal(RefusalCode.UNKNOWN_ACTION, "Unknown action 'core.missing'", "core.missing")


def test_nothing_is_said_where_all_were_accepted() -> None:
    assert explain([ACCEPTED, ACCEPTED]) is None


def test_each_refused_execution_is_named_with_its_reason() -> None:
    explained = explain([ACCEPTED, FULL, UNKNOWN])
    assert explained is not None
    assert explained[0] == (
        "2 of 3 refused: executions[1] queue_full: Queue full (max length: 3);"
        " executions[2] unknown_action: Unknown action 'core.missing'"
    )
    assert explained[1] == {"queue_full": "1", "unknown_action": "2"}


def test_neighbours_are_written_as_ranges() -> None:
    explained = explain([FULL, ACCEPTED, FULL, FULL, UNKNOWN, FULL, FULL, FULL])
    assert explained is not None
    assert explained[1] == {"queue_full": "0,2-3,5-7", "unknown_action": "4"}
