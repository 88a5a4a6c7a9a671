"""ExecutionQueueManager under arbitrary commands, changes, losses and crashes: what must hold, whatever happens."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from unit.domain.machine.machine import QueueMachine


@pytest.mark.timeout(0)
def test_the_queues_keep_their_promises(full: bool) -> None:
    search = settings(
        max_examples=10_000 if full else 150,
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )
    run_state_machine_as_test(QueueMachine, settings=search)
