"""WaitingLine against a plain list, across the borders of its chunks."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attune_executor.domain.waiting_line import WaitingLine

CHUNK = 4096


def filled(count: int) -> WaitingLine:
    line = WaitingLine()
    for order in range(1, count + 1):
        line.append(1000 + order, order, float(order))
    return line


@settings(max_examples=100, deadline=None)
@given(
    steps=st.lists(st.tuples(st.sampled_from(("join", "many", "leave", "give up")), st.integers(0, 30)), max_size=80)
)
def test_is_a_list_of_which_any_may_leave(steps: list[tuple[str, int]]) -> None:
    line, model, last = WaitingLine(), list[int](), 0
    for what, number in steps:
        if what == "join":
            last += 1 + number % 3
            line.append(1000 + last, last, float(last))
            model.append(last)
        elif what == "many":
            joining = range(last + 1, last + 1 + number)
            line.extend([1000 + order for order in joining], joining, [float(order) for order in joining])
            model += joining
            last += number
        elif what == "leave" and model:
            assert line.popleft() == 1000 + model.pop(0)
        elif what == "give up":
            order = model[number % len(model)] if model and number % 4 else number
            assert line.remove(order) == (1000 + order if order in model else None)
            if order in model:
                model.remove(order)
        assert len(line) == len(model)
        assert [line.position(order) for order in range(last + 2)] == [
            model.index(order) + 1 if order in model else 0 for order in range(last + 2)
        ]
        assert [line.up_to(order) for order in range(last + 2)] == [
            sum(waiting <= order for waiting in model) for order in range(last + 2)
        ]
        assert not model or (line.head_created, line.head_order) == (model[0], model[0])


def filled_at_once(count: int) -> WaitingLine:
    line = filled(7)
    orders = range(8, count + 1)
    line.extend([1000 + order for order in orders], orders, [float(order) for order in orders])
    return line


@pytest.mark.parametrize("fill", [filled, filled_at_once])
def test_positions_are_exact_across_chunks(fill: Callable[[int], WaitingLine]) -> None:
    line = fill(3 * CHUNK)
    assert len(line) == 3 * CHUNK
    assert line.position(2 * CHUNK + 7) == 2 * CHUNK + 7
    for order in (1, 2, CHUNK, CHUNK + 1):
        assert line.remove(order) == 1000 + order
    assert line.position(2 * CHUNK + 7) == 2 * CHUNK + 3
    assert line.head_created == 3.0


def test_a_chunk_that_has_been_given_up_entirely_is_skipped() -> None:
    line = filled(2 * CHUNK + 1)
    for order in range(CHUNK + 1, 2 * CHUNK + 1):
        line.remove(order)
    assert [line.popleft() for _ in range(len(line))] == [
        *range(1001, 1001 + CHUNK),
        1000 + 2 * CHUNK + 1,
    ]
    assert len(line) == 0
