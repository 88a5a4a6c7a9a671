"""An acknowledgement never covers a report that was not used, nor a malformed message that is not safe yet."""

from hypothesis import given
from hypothesis import strategies as st

from attune_executor.adapters.rabbitmq.acknowledgements import Acknowledgements


def test_reports_are_released_as_asked() -> None:
    acknowledgements = Acknowledgements()
    acknowledgements.ask(3)
    assert acknowledgements.release() == 3
    assert acknowledgements.release() is None
    acknowledgements.ask(2)
    assert acknowledgements.release() is None


def test_a_malformed_message_holds_back_what_follows_until_it_is_safe() -> None:
    acknowledgements = Acknowledgements()
    acknowledgements.malformed(3)
    acknowledgements.ask(5)
    assert acknowledgements.release() == 2
    acknowledgements.dead_lettered(3)
    assert acknowledgements.release() == 5


def test_a_safe_malformed_message_goes_with_the_report_before_it() -> None:
    acknowledgements = Acknowledgements()
    acknowledgements.malformed(2)
    acknowledgements.malformed(3)
    acknowledgements.dead_lettered(3)
    acknowledgements.dead_lettered(2)
    assert acknowledgements.release() is None, "report 1 is not used yet"
    acknowledgements.ask(1)
    assert acknowledgements.release() == 3


def test_a_first_message_that_is_malformed_waits_for_nothing() -> None:
    acknowledgements = Acknowledgements()
    acknowledgements.malformed(1)
    acknowledgements.dead_lettered(1)
    assert acknowledgements.release() == 1


@given(st.lists(st.booleans(), min_size=1, max_size=12), st.data())
def test_the_released_tag_is_the_end_of_the_longest_run_of_used_ones(
    malformed: list[bool], data: st.DataObject
) -> None:
    acknowledgements = Acknowledgements()
    used: set[int] = set()
    released = 0
    pending = {tag for tag, bad in enumerate(malformed, start=1) if bad}
    reports: list[int] = [tag for tag, bad in enumerate(malformed, start=1) if not bad]
    for tag in sorted(pending):
        acknowledgements.malformed(tag)
    while pending or reports:
        if reports and (not pending or data.draw(st.booleans())):
            mark: int = data.draw(st.sampled_from(reports))
            used |= {tag for tag in reports if tag <= mark}
            reports = [tag for tag in reports if tag > mark]
            acknowledgements.ask(mark)
        else:
            tag: int = data.draw(st.sampled_from(sorted(pending)))
            pending.remove(tag)
            used.add(tag)
            acknowledgements.dead_lettered(tag)
        expected = next((tag for tag in range(1, len(malformed) + 1) if tag not in used), len(malformed) + 1) - 1
        assert acknowledgements.release() == (expected if expected > released else None)
        released = expected
