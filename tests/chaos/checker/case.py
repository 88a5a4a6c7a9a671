"""The history indexed the way the judgements ask for it."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Self, TypeVar

from chaos.final import Final, Row
from chaos.history import (
    Answered,
    CancelAsked,
    CompleteAnswered,
    CompleteAsked,
    Disturbed,
    Event,
    History,
    LimitSet,
    Outcome,
    PurgeAnswered,
    PurgeAsked,
    RateSet,
    RunEnded,
    RunStarted,
    Submitted,
    Woke,
    WorkerEnded,
)

_Kind = TypeVar("_Kind", bound=Event)


class Slots(NamedTuple):
    """What a limit and an order hold for: an action, or a group of it."""

    action: str
    group: str

    def __str__(self) -> str:
        return f"{self.action}[{self.group}]" if self.group else self.action


@dataclass(slots=True)
class Run:
    """A run by a worker; ``ended_at`` is None where it did not come to its end, ``cut_at`` where its worker ended."""

    key: str
    worker: int
    started_at: float
    ended_at: float | None = None
    cut_at: float | None = None

    def stopped_at(self, horizon: float) -> float:
        """When it ran no more; ``horizon`` where it may be running still."""
        if self.ended_at is not None:
            return self.ended_at
        return horizon if self.cut_at is None else self.cut_at


@dataclass(slots=True)
class Request:
    """One idempotency key: what was asked, and what was answered over all attempts to ask."""

    key: str
    slots: Slots
    first_asked_at: float
    acknowledged_at: float | None = None
    execution_ids: set[int] = field(default_factory=set[int])
    cancel_asked: bool = False
    completions: dict[str, CompleteAsked] = field(default_factory=dict[str, CompleteAsked])
    """By their words; ``completed_at``: when its client was told that it has ended so."""
    completed_at: dict[str, float] = field(default_factory=dict[str, float])


class Purging(NamedTuple):
    """A purge; ``answer`` is None where nobody knows what it came to."""

    asked: PurgeAsked
    answer: PurgeAnswered | None


@dataclass(slots=True)
class Case:
    """A history and its end, indexed; runs are in the order of their start."""

    final: Final
    requests: dict[str, Request]
    runs: dict[str, list[Run]]
    rows: dict[str, list[Row]]
    disturbances: list[Disturbed]
    limits: dict[str, list[LimitSet]]
    rates: dict[str, RateSet]
    awoken: list[Woke]
    purges: list[Purging]

    @classmethod
    def of(cls, history: History, final: Final) -> Self:
        """Index a history."""
        rows: dict[str, list[Row]] = defaultdict(list)
        for row in final.rows:
            rows[row.key].append(row)
        limits: dict[str, list[LimitSet]] = defaultdict(list)
        for change in _of_kind(history, LimitSet):
            limits[change.action].append(change)
        disturbances = sorted(_of_kind(history, Disturbed), key=lambda event: event.at)
        rates = {rate.action: rate for rate in _of_kind(history, RateSet)}
        awoken = list(_of_kind(history, Woke))
        answers = {answer.purge: answer for answer in _of_kind(history, PurgeAnswered)}
        purges = [Purging(asked, answers.get(asked.purge)) for asked in _of_kind(history, PurgeAsked)]
        return cls(final, _requests(history), _runs(history), rows, disturbances, limits, rates, awoken, purges)

    def slots_of(self, row: Row) -> Slots:
        """Whose limit and order the execution is under."""
        request = self.requests.get(row.key)
        return Slots(row.action, "" if request is None else request.slots.group)


def _of_kind(history: History, kind: type[_Kind]) -> Iterator[_Kind]:
    return (event for event in history.events if isinstance(event, kind))


def _requests(history: History) -> dict[str, Request]:
    requests: dict[str, Request] = {}
    for asked in _of_kind(history, Submitted):
        request = requests.setdefault(asked.key, Request(asked.key, Slots(asked.action, asked.group), asked.at))
        request.first_asked_at = min(request.first_asked_at, asked.at)
    for answer in _of_kind(history, Answered):
        if answer.outcome is Outcome.ACCEPTED and answer.execution_id is not None:
            request = requests[answer.key]
            request.acknowledged_at = min(answer.at, request.acknowledged_at or answer.at)
            request.execution_ids.add(answer.execution_id)
    for event in _of_kind(history, CancelAsked):
        requests[event.key].cancel_asked = True
    for asked in _of_kind(history, CompleteAsked):
        requests[asked.key].completions[asked.word] = asked
    for told in _of_kind(history, CompleteAnswered):
        requests[told.key].completed_at[told.word] = told.at
    return requests


def _runs(history: History) -> dict[str, list[Run]]:
    ends = {event.run: event.at for event in _of_kind(history, RunEnded)}
    endings: dict[int, list[float]] = defaultdict(list)
    for event in _of_kind(history, WorkerEnded):
        endings[event.pid].append(event.at)
    runs: dict[str, list[Run]] = defaultdict(list)
    for start in sorted(_of_kind(history, RunStarted), key=lambda event: event.at):
        # Process ids come round: the first end after the start is this run's.
        cut_at = min((at for at in endings[start.worker] if at >= start.at), default=None)
        runs[start.key].append(Run(start.key, start.worker, start.at, ends.get(start.run), cut_at))
    return runs
