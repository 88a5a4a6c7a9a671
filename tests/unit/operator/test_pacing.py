"""Watches that end at once begin again at a pace."""

import pytest

from attune_operator.pacing import WATCH_PAUSE_SECONDS, WatchPace


def test_a_watch_that_follows_at_once_waits_and_one_that_lasted_does_not() -> None:
    pace = WatchPace()

    pauses = [pace.pause_seconds("/policies", now) for now in (100.0, 100.01, 101.5, 300.0)]

    assert pauses == pytest.approx([0.0, WATCH_PAUSE_SECONDS - 0.01, 0.5, 0.0])


def test_watches_of_different_objects_do_not_wait_for_each_other() -> None:
    pace = WatchPace()
    pace.pause_seconds("/policies", 100.0)

    assert pace.pause_seconds("/deployments", 100.0) == 0.0
