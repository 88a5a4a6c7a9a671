"""Each message is acknowledged once, none before its time, and as few times as that allows."""

from hypothesis import given
from hypothesis import strategies as st

from attune_executor.worker.acknowledgements import OpenTags


def opened(count: int) -> OpenTags:
    tags = OpenTags()
    for tag in range(1, count + 1):
        tags.open(tag)
    return tags


def test_a_run_is_acknowledged_at_once() -> None:
    tags = opened(5)
    assert tags.acknowledge([2, 1, 3]) == [(3, True)]
    assert tags.acknowledge([5]) == [(5, False)], "4 is still open"
    assert tags.acknowledge([4]) == [(4, True)]


def test_what_was_returned_holds_nothing_up() -> None:
    tags = opened(3)
    tags.close(2)
    assert tags.acknowledge([1, 3]) == [(3, True)]


@given(st.data())
def test_the_broker_never_hears_of_a_message_twice_nor_too_early(data: st.DataObject) -> None:
    tags = OpenTags()
    delivered: set[int] = set()
    unsettled: set[int] = set()
    wanted: set[int] = set()
    for _ in range(data.draw(st.integers(1, 30))):
        open_tags = sorted(unsettled)
        match data.draw(st.sampled_from(["open", "close", "acknowledge"] if open_tags else ["open"])):
            case "open":
                delivered.add(tag := len(delivered) + 1)
                unsettled.add(tag)
                tags.open(tag)
            case "close":
                unsettled.discard(tag := data.draw(st.sampled_from(open_tags)))
                tags.close(tag)
            case _:
                wanted = set(data.draw(st.lists(st.sampled_from(open_tags), min_size=1, unique=True)))
                for tag, multiple in tags.acknowledge(wanted):
                    assert tag in unsettled, "a tag that the broker does not know closes the channel"
                    covered = {each for each in unsettled if each <= tag} if multiple else {tag}
                    assert covered <= wanted, "acknowledged too early"
                    unsettled -= covered
                assert not wanted & unsettled, "not acknowledged"
