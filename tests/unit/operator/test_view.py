"""A view never goes back in time, whatever order events and lists arrive in."""

from collections.abc import Callable

import pytest

from attune_operator.resources import ActionQueuePolicy, ObjectKey
from attune_operator.view import ResourceView

MakePolicy = Callable[..., ActionQueuePolicy]
At = Callable[[int], ActionQueuePolicy]
View = ResourceView[ActionQueuePolicy]


@pytest.fixture
def at(make_policy: MakePolicy) -> At:
    """One policy as it was at a resource version; its concurrency is the version, so that the two can be told apart."""

    def make(version: int) -> ActionQueuePolicy:
        return make_policy("echo", metadata={"resourceVersion": str(version)}, concurrency=version)

    return make


@pytest.fixture
def view() -> View:
    return ResourceView()


def seen(view: View) -> int | None:
    policy = view.objects().get(ObjectKey("attune-system", "echo"))
    return None if policy is None else policy.spec.concurrency


def test_a_newer_state_replaces_an_older_one_and_tells_what_it_was(view: View, at: At) -> None:
    assert view.observe(at(5)) is None
    known = view.observe(at(7))

    assert known is not None
    assert known.spec.concurrency == 5
    assert seen(view) == 7


def test_an_older_state_that_arrives_late_changes_nothing(view: View, at: At) -> None:
    view.observe(at(7))
    view.observe(at(5))
    view.replace([at(6)], "6")

    assert seen(view) == 7


def test_a_deleted_object_does_not_come_back(view: View, at: At) -> None:
    view.observe(at(7))
    view.forget(at(9))
    view.observe(at(8))  # the answer to a patch that was on its way
    view.replace([at(8)], "8")  # a list that was on its way

    assert seen(view) is None


def test_an_object_that_is_made_again_is_seen(view: View, at: At) -> None:
    view.observe(at(7))
    view.forget(at(9))
    view.observe(at(11))

    assert seen(view) == 11


def test_a_deletion_that_arrives_after_the_object_was_made_again_is_ignored(view: View, at: At) -> None:
    view.replace([at(11)], "12")
    view.forget(at(9))

    assert seen(view) == 11


def test_a_list_removes_what_is_gone(view: View, at: At) -> None:
    view.observe(at(7))
    view.replace([], "8")

    assert seen(view) is None


def test_a_list_does_not_remove_what_was_made_after_it(view: View, at: At) -> None:
    view.observe(at(9))
    view.replace([], "8")

    assert seen(view) == 9


def test_a_list_of_one_namespace_says_nothing_of_another(view: View, make_policy: MakePolicy, at: At) -> None:
    elsewhere = make_policy("echo", metadata={"namespace": "team-a", "resourceVersion": "3"})
    view.observe(elsewhere)
    view.observe(at(4))

    view.replace([], "9", "attune-system")

    assert list(view.objects().values()) == [elsewhere]

    view.replace([], "9")

    assert view.objects() == {}
