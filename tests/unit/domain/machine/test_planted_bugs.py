"""The machine finds a bug of each kind, or it would prove nothing."""

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from unit.domain.machine.machine import QueueMachine
from unit.domain.machine.planted import PLANTED, planted

_SEARCH = settings(
    max_examples=5000,
    stateful_step_count=40,
    deadline=None,
    database=None,
    derandomize=True,
    report_multiple_bugs=False,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_bug_is_found(name: str) -> None:
    # The bug may also show as an exception of the manager itself, as its structures no longer fit each other: what
    # counts is that an invariant is named.
    with planted(name), pytest.raises(AssertionError):
        run_state_machine_as_test(QueueMachine, settings=_SEARCH)
