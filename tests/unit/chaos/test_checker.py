"""The checker finds what is wrong, finds nothing where nothing is, and counts what is allowed."""

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaos.checker import Kind, Verdict
from chaos.history import (
    Disturbed,
    LimitSet,
    Part,
    PurgeAnswered,
    PurgeAsked,
    RateSet,
    RunEnded,
    RunStarted,
    WorkerEnded,
)
from unit.chaos.toy import Job, Story, Toy
from unit.chaos.twists import TWISTS, Twist

LIMITS = {"narrow": 1, "wide": 3, "grouped": 2, "rated": 4}
RATES = {"rated": (3, 5.0)}
QUEUES = [("narrow", ""), ("wide", ""), ("grouped", "red"), ("grouped", "blue"), ("rated", "")]
CROWD = [Job(action, group, gap=0.1) for action, group in QUEUES for _ in range(LIMITS[action] + 1)]
"""More executions for each queue than it has slots."""

queues = st.sampled_from(QUEUES)
gaps = st.floats(0, 3)
durations = st.floats(0.01, 5)


@st.composite
def jobs(draw: st.DrawFn, *, undisturbed: bool = False) -> Job:
    """An execution in any queue; where ``undisturbed`` nothing happens to it but a lost answer."""
    flaws = [draw(st.booleans()) for _ in range(1 if undisturbed else 5)]
    return Job(*draw(queues), draw(gaps), draw(durations), *flaws)


def kinds(verdict: Verdict) -> set[Kind]:
    return {violation.kind for violation in verdict.violations}


def tell(*jobs: Job) -> Story:
    return Toy(LIMITS, RATES).tell(list(jobs))


@settings(deadline=None)
@given(st.lists(jobs(), max_size=40))
def test_no_false_alarm(planned: list[Job]) -> None:
    story = tell(*planned)
    verdict = story.verdict()
    assert not verdict.violations
    assert verdict.accepted == len(planned)
    assert verdict.reruns.total == sum(job.killed and not (job.cancelled or job.purged) for job in planned)
    assert all(each.peak <= each.limit for each in verdict.occupations.values())


@settings(deadline=None, max_examples=300)
@given(st.lists(jobs(undisturbed=True), max_size=15), st.sampled_from(list(TWISTS)), st.integers(0, 1000))
def test_a_planted_violation_is_found(planned: list[Job], twist: Twist, pick: int) -> None:
    story = tell(*planned, *CROWD)
    assert not story.verdict().violations
    twist(story, pick)
    verdict = story.verdict()
    assert TWISTS[twist] in kinds(verdict)
    assert not verdict.good


@pytest.mark.parametrize(("twist", "kind"), TWISTS.items(), ids=[twist.__name__ for twist in TWISTS])
def test_each_kind_on_a_small_story(twist: Twist, kind: Kind) -> None:
    story = tell(*CROWD)
    twist(story, 0)
    assert kind in kinds(story.verdict())


def test_a_verdict_names_every_kind_and_the_first_culprit() -> None:
    story = tell(*CROWD)
    story.rows.pop(0)
    verdict = story.verdict()
    assert verdict.by_kind()["lost"] == 1
    assert set(verdict.by_kind()) == set(Kind)
    assert "key-1 of narrow was acknowledged and is not in the database" in [each.what for each in verdict.violations]


def two_workers_run_one(ended_at: float) -> Story:
    """The first worker goes on with what the broker has given to a second one, and another execution follows."""
    story = tell(Job("narrow", seconds=2), Job("narrow", seconds=2))
    first, second = story.rows
    begin = next(event.at for event in story.events if isinstance(event, RunStarted) and event.key == first.key)
    assert first.ended_at is not None
    assert second.ended_at is not None
    story.events += [
        Disturbed(Part.RABBITMQ, "kill", 7, begin),
        RunStarted("double", first.key, 77, begin + 0.5),
        RunEnded("double", ended_at),
    ]
    return story


def test_a_double_run_counts_once_and_is_reported() -> None:
    verdict = two_workers_run_one(ended_at=11.9).verdict()
    assert verdict.good
    assert (verdict.reruns.overlapping_self, verdict.reruns.by_cause) == (1, {"rabbitmq": 1})


def test_a_stale_run_is_counted_apart() -> None:
    verdict = two_workers_run_one(ended_at=16.0).verdict()
    assert verdict.good
    assert (verdict.occupations["narrow"].peak, verdict.occupations["narrow"].peak_with_stale) == (1, 2)


def test_a_run_ends_with_its_worker() -> None:
    story = tell(Job("narrow", killed=True, seconds=2), Job("narrow"))
    assert story.verdict().occupations["narrow"].peak_with_stale == 1
    story.events = [event for event in story.events if not isinstance(event, WorkerEnded)]
    assert story.verdict().occupations["narrow"].peak_with_stale == 2


def test_what_starts_after_it_was_ended_by_hand_overtakes_nobody() -> None:
    story = tell(Job("narrow", seconds=2, completed=True), Job("narrow", gap=0.1, seconds=2), Job("narrow", gap=0.1))
    first, second, _ = story.rows
    assert story.verdict().good
    assert second.ended_at is not None
    # Its worker was busy: the message is found when another one, whose turn it became, runs already.
    times = {RunStarted: second.ended_at - 1, RunEnded: second.ended_at - 0.5}
    story.events = [
        msgspec.structs.replace(event, at=times[type(event)])
        if isinstance(event, (RunStarted, RunEnded)) and event.run == f"{first.key}-run"
        else event
        for event in story.events
    ]
    assert story.verdict().good
    story.rows[0] = replace(first, ended_at=second.ended_at)
    assert Kind.START_ORDER in kinds(story.verdict())


def test_a_purge_whose_answer_was_lost_may_have_ended_what_came_later() -> None:
    story = tell(Job("narrow", purged=True), Job("narrow", purged=True))
    story.events = [event for event in story.events if not isinstance(event, PurgeAnswered)]
    story.events = [
        event for event in story.events if not (isinstance(event, PurgeAsked) and event.purge == "key-2-purge")
    ]
    assert story.verdict().good


def over_the_limit_after(change: LimitSet) -> Verdict:
    """Three at once in a queue whose limit is 1 but for this change."""
    story = Toy({"narrow": 3}).tell([Job("narrow", gap=0.1, seconds=5) for _ in range(3)])
    story.events = [event for event in story.events if not isinstance(event, LimitSet)]
    story.events += [LimitSet("narrow", 1, 0, 0), change]
    return story.verdict()


def test_a_raised_limit_counts_from_when_it_may_have_been_in_force() -> None:
    assert over_the_limit_after(LimitSet("narrow", 3, 9, 30)).good
    assert kinds(over_the_limit_after(LimitSet("narrow", 3, 50, 51))) == {Kind.OVER_LIMIT}


def test_a_lowered_limit_lets_finish_what_runs() -> None:
    story = Toy({"narrow": 3}).tell([Job("narrow", gap=0.1, seconds=5) for _ in range(3)])
    story.events.append(LimitSet("narrow", 1, 10.2, 10.3))
    assert story.verdict().good


def test_a_slot_outlives_a_lowered_limit_through_a_lost_worker() -> None:
    story = Toy({"narrow": 3}).tell([Job("narrow", gap=0.1, seconds=300, killed=True) for _ in range(3)])
    story.events.append(LimitSet("narrow", 1, 10.5, 10.6))
    assert story.verdict().good


def test_a_limit_lowered_long_ago_is_the_limit() -> None:
    story = Toy({"narrow": 3}).tell([Job("narrow", gap=100), *[Job("narrow", gap=0.1, seconds=5) for _ in range(2)]])
    story.events.append(LimitSet("narrow", 1, 20, 21))
    assert kinds(story.verdict()) == {Kind.OVER_LIMIT}


def test_a_rate_counts_within_every_stretch() -> None:
    story = tell(*[Job("rated", gap=0.01, seconds=0.1) for _ in range(7)])
    assert story.verdict().good
    rate = next(event for event in story.events if isinstance(event, RateSet))
    # Seven began in three bursts, over two windows: not what three in twice the window let through.
    story.events[story.events.index(rate)] = RateSet("rated", 3, 10.0)
    assert kinds(story.verdict()) == {Kind.OVER_RATE}
