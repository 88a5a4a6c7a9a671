"""The queues in the configuration file: the runbook's ``executor.queue`` and ``policies.actions``, as policies.

Every default is the domain's own; so is every range that the domain states.
"""

from typing import Annotated, Final

from pydantic import Field

from attune_executor.domain.emergency import Emergency
from attune_executor.domain.errors import PolicyError
from attune_executor.domain.policy import (
    DEFAULT_MAX_QUEUE_LENGTH,
    DEFAULT_POOL,
    DEFAULT_PRIORITY,
    DEFAULT_QUEUE_TIMEOUT_SECONDS,
    Admission,
    QueuePolicy,
    RateLimit,
    RetryPolicy,
    WorkerLost,
)
from attune_executor.sections import Number, Section, Whole, Word

_EMERGENCY: Final = Emergency()
_RETRY: Final = RetryPolicy()


class QueueSettings(Section):
    """``executor.queue``, the runbook's keys.

    Attributes:
        max_queue_length: waiting executions of an action beyond which the next is refused, where its policy names none.
        queue_timeout_seconds: how long one may wait, where its action's policy does not say; null: for ever.
        enable_metrics: whether ``attune.queue_stats`` is written.
    """

    max_queue_length: Annotated[Whole, Field(ge=0)] = DEFAULT_MAX_QUEUE_LENGTH
    queue_timeout_seconds: Annotated[Number, Field(gt=0)] | None = DEFAULT_QUEUE_TIMEOUT_SECONDS
    enable_metrics: bool = True


class EmergencySettings(Section):
    """``executor.emergency``: what ``executor.emergency_mode`` puts in force.

    Attributes:
        max_queue_length: queues may grow up to here, where their own limit is lower.
        close_below_priority: actions of a lower priority take no new executions; 0 closes none.
        close_tags: actions with any of these tags take no new executions.
    """

    max_queue_length: Annotated[Whole, Field(ge=0)] = _EMERGENCY.max_queue_length
    close_below_priority: Whole = _EMERGENCY.close_below_priority
    close_tags: frozenset[str] = _EMERGENCY.close_tags

    def emergency(self) -> Emergency:
        """The emergency of these keys.

        Raises:
            PolicyError: one of them is out of its range; the message begins with ``emergency.`` and its name.
        """
        return Emergency(self.max_queue_length, self.close_below_priority, self.close_tags)


class RateLimitSettings(Section):
    """``policies.actions.<ref>.rate_limit``: beyond it the head of the queue waits.

    Attributes:
        max_executions: executions that may start within any window of ``window_seconds``.
        window_seconds: length of the sliding window.
    """

    max_executions: Annotated[Whole, Field(ge=1)]
    window_seconds: Annotated[Number, Field(gt=0)]


class RetrySettings(Section):
    """``policies.actions.<ref>.retry``.

    Attributes:
        max_attempts: how often an execution is run until it succeeds.
        delay_seconds: pause before it runs again.
        worker_lost: whether a run that is lost with its worker is repeated.
    """

    max_attempts: Annotated[Whole, Field(ge=1)] = _RETRY.max_attempts
    delay_seconds: Annotated[Number, Field(ge=0)] = _RETRY.delay_seconds
    worker_lost: Annotated[WorkerLost, Word] = _RETRY.worker_lost


class ActionSettings(Section):
    """``policies.actions.<ref>``: one action's queue, in the words of ``QueuePolicy``.

    Attributes:
        concurrency_limit: executions of the action that may run at a time; the one key that every action needs.
        max_queue_length: executions that may wait; ``executor.queue``'s unless set.
        queue_timeout_seconds: how long one may wait; ``executor.queue``'s unless set; null: no limit.
        execution_timeout_seconds: a run that takes longer is stopped; null: never.
        group_by: parameters whose values make a group; each group has an order and a limit of its own.
        priority: 0 to 10, for ``executor.emergency.close_below_priority``; it changes no order.
        tags: for ``executor.emergency.close_tags``.
        admission: Open; Hold accepts and starts nothing; Closed refuses new ones and runs what waits.
        pool: which workers run it.
    """

    concurrency_limit: Annotated[Whole, Field(ge=1)]
    max_queue_length: Annotated[Whole, Field(ge=0)] | None = None
    queue_timeout_seconds: Annotated[Number, Field(gt=0)] | None = None
    execution_timeout_seconds: Annotated[Number, Field(gt=0)] | None = None
    group_by: tuple[str, ...] = ()
    rate_limit: RateLimitSettings | None = None
    priority: Whole = DEFAULT_PRIORITY
    tags: tuple[str, ...] = ()
    admission: Annotated[Admission, Word] = Admission.OPEN
    retry: RetrySettings = RetrySettings()
    pool: str = DEFAULT_POOL

    def policy(self, ref: str, queue: QueueSettings) -> QueuePolicy:
        """The policy of action ``ref``, with ``queue`` for what it does not say.

        Raises:
            PolicyError: a key is out of its range; the message begins with its place in the file.
        """
        own_timeout = "queue_timeout_seconds" in self.model_fields_set
        limit = self.rate_limit
        try:
            return QueuePolicy(
                concurrency=self.concurrency_limit,
                max_queue_length=queue.max_queue_length if self.max_queue_length is None else self.max_queue_length,
                admission=self.admission,
                pool=self.pool,
                queue_timeout_seconds=self.queue_timeout_seconds if own_timeout else queue.queue_timeout_seconds,
                execution_timeout_seconds=self.execution_timeout_seconds,
                group_by=self.group_by,
                rate_limit=None if limit is None else RateLimit(limit.max_executions, limit.window_seconds),
                priority=self.priority,
                tags=self.tags,
                retry=RetryPolicy(self.retry.max_attempts, self.retry.delay_seconds, self.retry.worker_lost),
            )
        except PolicyError as error:
            raise PolicyError(f"policies.actions.{ref}.{error}") from error


ActionRef = Annotated[str, Field(min_length=1, max_length=253)]


class PolicySettings(Section):
    """``policies``: by action, for an executor without an operator."""

    actions: dict[ActionRef, ActionSettings] = Field(default_factory=dict[str, ActionSettings])
