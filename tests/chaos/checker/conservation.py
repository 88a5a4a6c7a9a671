"""Nothing lost, nothing twice, every end founded: executions are conserved."""

from collections import Counter
from collections.abc import Iterator

from chaos.checker import by_hand
from chaos.checker.case import Case
from chaos.checker.violations import Kind, Violation
from chaos.final import Row


def judge(case: Case) -> Iterator[Violation]:
    """What was lost, duplicated, left open, miscounted, or ended for no reason."""
    yield from _requests(case)
    for row in case.final.rows:
        if not row.terminal:
            yield Violation(Kind.UNFINISHED, f"execution {row.execution_id} of {row.action} is {row.status} at the end")
        else:
            yield from _foundation(case, row)
    for key, runs in case.runs.items():
        if not case.rows.get(key):
            yield Violation(Kind.PHANTOM, f"{key} ran on worker {runs[0].worker}, and the database does not know it")
    yield from _totals(case)


def _requests(case: Case) -> Iterator[Violation]:
    for key, request in case.requests.items():
        rows = case.rows.get(key, [])
        ids = request.execution_ids | {row.execution_id for row in rows}
        if request.acknowledged_at is not None and not rows:
            yield Violation(Kind.LOST, f"{key} of {request.slots} was acknowledged and is not in the database")
        elif len(ids) > 1 or len(rows) > 1:
            yield Violation(Kind.DUPLICATED, f"{key} of {request.slots} is executions {sorted(ids)}")


def _foundation(case: Case, row: Row) -> Iterator[Violation]:
    if by_hand.completed(case, row) or by_hand.purged(row):
        # What they are founded on is judged there.
        return
    name = f"execution {row.execution_id} of {row.action}"
    if row.status == "succeeded":
        ended = [run.ended_at for run in case.runs.get(row.key, []) if run.ended_at is not None]
        if row.ended_at is None or not any(at <= row.ended_at for at in ended):
            yield Violation(Kind.UNFOUNDED, f"{name} succeeded before any run of it had ended")
    elif row.status != "cancelled":
        yield Violation(Kind.UNFOUNDED, f"{name} is {row.status}, which nothing here does")
    elif row.key not in case.requests or not case.requests[row.key].cancel_asked:
        yield Violation(Kind.UNFOUNDED, f"{name} is cancelled, and nobody asked for that")


def _totals(case: Case) -> Iterator[Violation]:
    accepted = Counter(row.action for row in case.final.rows)
    ended = Counter(row.action for row in case.final.rows if row.terminal)
    for action, totals in case.final.totals.items():
        pairs = (("enqueued", totals.enqueued, accepted[action]), ("completed", totals.completed, ended[action]))
        for name, counted, found in pairs:
            if counted != found:
                yield Violation(Kind.MISCOUNTED, f"{action}: {counted} {name} by the executor's count, {found} rows")
        open_rows = accepted[action] - ended[action]
        if totals.waiting + totals.active != open_rows:
            yield Violation(
                Kind.MISCOUNTED,
                f"{action}: {totals.waiting} waiting and {totals.active} active counted, {open_rows} rows open",
            )
