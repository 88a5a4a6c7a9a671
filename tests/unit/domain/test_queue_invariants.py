"""ExecutionQueueManager under arbitrary commands, changes, losses and crashes: what must hold, whatever happens."""

from hypothesis import HealthCheck, settings

from unit.domain.machine.machine import QueueMachine

TestQueues = QueueMachine.TestCase
TestQueues.settings = settings(
    max_examples=150, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
