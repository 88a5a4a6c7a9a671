"""First in, first out: accepted in the order of asking, dispatched and started in the order of acceptance."""

from collections import defaultdict
from collections.abc import Iterator

from chaos.checker import by_hand
from chaos.checker.case import Case, Run, Slots
from chaos.checker.violations import Kind, Violation
from chaos.final import Row


def judge(case: Case) -> Iterator[Violation]:
    """What went ahead of something that was before it."""
    queues: dict[Slots, list[Row]] = defaultdict(list)
    for row in sorted(case.final.rows, key=lambda row: row.queue_order):
        queues[case.slots_of(row)].append(row)
    yield from _acceptance(case)
    for slots, rows in queues.items():
        yield from _dispatches(slots, rows)
        if {change.limit for change in case.limits.get(slots.action, [])} == {1}:
            yield from _starts(case, slots, rows)


def _acceptance(case: Case) -> Iterator[Violation]:
    """Who asks after another one has its acknowledgement is behind it."""
    by_action: dict[str, list[tuple[float, bool, Row]]] = defaultdict(list)
    for row in case.final.rows:
        request = case.requests.get(row.key)
        if request is not None:
            moments = by_action[row.action]
            moments.append((request.first_asked_at, False, row))
            if request.acknowledged_at is not None:
                moments.append((request.acknowledged_at, True, row))
    for moments in by_action.values():
        latest: Row | None = None
        for _, acknowledged, row in sorted(moments, key=lambda moment: moment[:2]):
            if acknowledged:
                latest = row if latest is None or row.queue_order > latest.queue_order else latest
            elif latest is not None and row.queue_order < latest.queue_order:
                yield Violation(
                    Kind.ACCEPTANCE_ORDER,
                    f"execution {row.execution_id} of {row.action} was asked for when {latest.execution_id} had been"
                    f" acknowledged, and is before it: {row.queue_order} < {latest.queue_order}",
                )


def _dispatches(slots: Slots, rows: list[Row]) -> Iterator[Violation]:
    latest: tuple[int, int] | None = None
    for row in rows:
        if row.dispatch_order is None:
            continue
        if latest is not None and row.dispatch_order < latest[0]:
            yield Violation(
                Kind.DISPATCH_ORDER,
                f"execution {row.execution_id} of {slots} was dispatched before {latest[1]}, which was ahead of it",
            )
        else:
            latest = row.dispatch_order, row.execution_id


def _starts(case: Case, slots: Slots, rows: list[Row]) -> Iterator[Violation]:
    latest: tuple[float, int] | None = None
    for row in rows:
        runs = case.runs.get(row.key)
        if not runs or _given_on(case, row, runs[0]):
            continue
        if latest is not None and runs[0].started_at < latest[0]:
            yield Violation(
                Kind.START_ORDER,
                f"execution {row.execution_id} of {slots} ran {latest[0] - runs[0].started_at:.3f} s before"
                f" {latest[1]}, which was ahead of it",
            )
        else:
            latest = runs[0].started_at, row.execution_id


def _given_on(case: Case, row: Row, run: Run) -> bool:
    """Whether its slot was free again before this run began: ended by hand, its message found a worker all the same."""
    return by_hand.completed(case, row) and row.ended_at is not None and run.started_at > row.ended_at
