"""Emergency mode: what an SRE relaxes and closes for all actions at once while the system is overloaded."""

from dataclasses import dataclass
from typing import Final

from attune_executor.domain.errors import PolicyError
from attune_executor.domain.policy import MAX_PRIORITY, QueuePolicy

EMERGENCY_MAX_QUEUE_LENGTH: Final = 50_000
"""The runbook's relaxed ``max_queue_length``."""


@dataclass(frozen=True, slots=True)
class Emergency:
    """In force for every action while it is set.

    Attributes:
        max_queue_length: queues may grow up to here, where their own limit is lower.
        close_below_priority: actions of a lower priority take no new executions; 0 closes none.
        close_tags: actions with any of these tags take no new executions.

    Raises:
        PolicyError: when a field is out of its range.
    """

    max_queue_length: int = EMERGENCY_MAX_QUEUE_LENGTH
    close_below_priority: int = 0
    close_tags: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.max_queue_length < 0:
            raise PolicyError(f"emergency.max_queue_length is {self.max_queue_length}: set it to 0 or more")
        if not 0 <= self.close_below_priority <= MAX_PRIORITY + 1:
            raise PolicyError(
                f"emergency.close_below_priority is {self.close_below_priority}: set it from 0 to {MAX_PRIORITY + 1}"
            )

    def relaxed(self, max_queue_length: int) -> int:
        """How long a queue may become whose own limit is ``max_queue_length``."""
        return max(max_queue_length, self.max_queue_length)

    def closes(self, policy: QueuePolicy) -> bool:
        """Whether an action under ``policy`` is closed."""
        return policy.priority < self.close_below_priority or not self.close_tags.isdisjoint(policy.tags)
