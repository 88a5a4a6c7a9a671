"""What an SRE writes: the spec of an ActionQueuePolicy."""

from dataclasses import dataclass, replace
from typing import Annotated, Final

from pydantic import Field

from attune_executor.domain.policy import (
    DEFAULT_MAX_QUEUE_LENGTH,
    DEFAULT_POOL,
    DEFAULT_PRIORITY,
    DEFAULT_QUEUE_TIMEOUT_SECONDS,
    MAX_PRIORITY,
    Admission,
    QueuePolicy,
    RateLimit,
    RetryPolicy,
    WorkerLost,
)
from attune_operator.resources.schema import ResourceModel, between, rules
from attune_operator.resources.workers import WorkersSpec

YEAR_SECONDS: Final = 31_536_000
_RETRY: Final = RetryPolicy()


@dataclass(frozen=True, slots=True)
class QueueDefaults:
    """What holds for a policy that does not say: the length of its queue, and seconds to wait in it (None: any)."""

    max_queue_length: int = DEFAULT_MAX_QUEUE_LENGTH
    queue_timeout_seconds: float | None = DEFAULT_QUEUE_TIMEOUT_SECONDS


def unlimited_if_zero(seconds: float) -> float | None:
    """A timeout as the executor knows it: in a resource, where null means absence, 0 is what says "none"."""
    return seconds or None


class RateLimitSpec(ResourceModel):
    """How many executions may start within any window of time."""

    max_executions: int = between(
        1,
        1_000_000,
        "maxExecutions must be 1 or more within windowSeconds; to start no executions set admission to Hold",
    )
    """Executions that may start within any windowSeconds."""

    window_seconds: int = between(
        1, 86_400, "windowSeconds must be between 1 and 86400: for a slower rate lower maxExecutions", default=60
    )
    """Length of the sliding window, in seconds."""

    def rate_limit(self) -> RateLimit:
        """What the executor enforces of it."""
        return RateLimit(self.max_executions, self.window_seconds)


class RetrySpec(ResourceModel):
    """What follows a run that did not succeed."""

    max_attempts: int = between(
        1, 100, "maxAttempts counts the first run too: set it between 1 (no retry) and 100", default=_RETRY.max_attempts
    )
    """How often an execution is run until it succeeds, the first run included. A run that timed out counts."""

    delay_seconds: int = between(
        0,
        3600,
        "delaySeconds must be between 0 and 3600: the execution keeps its slot meanwhile, so keep it short",
        default=int(_RETRY.delay_seconds),
    )
    """Pause before it runs again, in seconds. It keeps its slot meanwhile, so that nothing overtakes it."""

    worker_lost: WorkerLost = _RETRY.worker_lost
    """What becomes of an execution whose worker is lost while it may have been running it. Retry: it runs again, which
    does not count as an attempt (at least once). Fail: it fails as worker lost (at most once)."""

    def retry_policy(self) -> RetryPolicy:
        """What the executor enforces of it."""
        return RetryPolicy(self.max_attempts, self.delay_seconds, self.worker_lost)


class ActionQueuePolicySpec(ResourceModel):
    """The limits of one action's queue and the workers that serve it."""

    action_ref: str = Field(
        min_length=1,
        max_length=253,
        json_schema_extra=rules(
            (
                "self == oldSelf",
                "actionRef cannot be changed: create another policy for the other action and delete this one",
            ),
            (
                "self.matches('^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$')",
                "actionRef must be a pack and an action such as core.http.get: letters, digits, '.', '_' and '-'",
            ),
        ),
    )
    """The action whose executions this policy queues, for example core.http.get. Cannot be changed. Of two policies for
    one action the older one is in force."""

    concurrency: int = between(
        1,
        1_000_000,
        "concurrency must be 1 or more; to start no executions set admission to Hold (new ones wait)"
        " or Closed (new ones are refused)",
    )
    """Executions of the action that may run at a time. Lowering it starts nothing until enough of those that run have
    finished; raising it starts waiting ones at once."""

    max_queue_length: int | None = between(
        0,
        100_000_000,
        "maxQueueLength must be 0 or more; 0 refuses whatever cannot start at once",
        default=None,
    )
    """Executions that may wait. Beyond it a request is refused with `Queue full (max length: N)`. Unless set, the
    ExecutorConfig's queue.maxQueueLength counts, which is 10000 where nobody has changed it."""

    queue_timeout_seconds: int | None = between(
        0,
        YEAR_SECONDS,
        "queueTimeoutSeconds must be between 1 and 31536000, or 0 to let executions wait for as long as it takes",
        default=None,
    )
    """Seconds that an execution may wait before it ends with status timeout; 0: for as long as it takes. Unless set,
    the ExecutorConfig's queue.queueTimeoutSeconds counts, which is 3600 where nobody has changed it."""

    execution_timeout_seconds: int | None = between(
        1,
        YEAR_SECONDS,
        "executionTimeoutSeconds must be between 1 and 31536000; leave it out to let executions run for ever",
        default=None,
    )
    """Seconds after which a run is stopped and times out. Unless set, a run may take for ever, and so may whatever
    waits behind a run that hangs."""

    group_by: tuple[Annotated[str, Field(min_length=1, max_length=253)], ...] = Field(
        default=(),
        max_length=10,
        json_schema_extra=rules(
            (
                "self.all(name, self.exists_one(other, other == name))",
                "groupBy names parameters, each once: remove the second of two equal names",
            )
        ),
    )
    """Parameters of the action whose values make a group: each group has an order and the concurrency of its own. With
    [host], concurrency 1 runs one execution at a time for each host, and a slow host holds up no other."""

    rate_limit: RateLimitSpec | None = None
    """How fast executions may start. Beyond it the head of the line waits and everything behind it, in order. Unless
    set, executions start as soon as slots become free."""

    priority: int = between(
        0,
        MAX_PRIORITY,
        "priority must be between 0 (the first to be closed in an emergency) and 10 (the last)",
        default=DEFAULT_PRIORITY,
    )
    """How much the action matters in an emergency: emergency mode closes the actions below a priority. It changes no
    order, within a queue or between queues."""

    tags: tuple[Annotated[str, Field(min_length=1, max_length=63)], ...] = Field(
        default=(), max_length=20, json_schema_extra={"x-kubernetes-list-type": "set"}
    )
    """Labels that emergency mode may close actions by, such as low-priority; also in `attune.action`, for SQL."""

    admission: Admission = Admission.OPEN
    """Open: accept and start executions. Hold: accept them and start none. Closed: refuse new ones while those that
    wait drain."""

    retry: RetrySpec = RetrySpec()
    """What follows a run that did not succeed."""

    workers: WorkersSpec | None = None
    """The Deployment that runs the action and how it follows the load. Without it the action runs in the worker pool
    `default` and nothing is scaled."""

    def queue_policy(self, defaults: QueueDefaults) -> QueuePolicy:
        """What the executor enforces of this spec, and of ``defaults`` for what it does not say."""
        timeout = self.queue_timeout_seconds
        policy = QueuePolicy(
            concurrency=self.concurrency,
            max_queue_length=defaults.max_queue_length if self.max_queue_length is None else self.max_queue_length,
            admission=self.admission,
            queue_timeout_seconds=defaults.queue_timeout_seconds if timeout is None else unlimited_if_zero(timeout),
            execution_timeout_seconds=self.execution_timeout_seconds,
            group_by=self.group_by,
            rate_limit=self.rate_limit.rate_limit() if self.rate_limit else None,
            priority=self.priority,
            tags=self.tags,
            retry=self.retry.retry_policy(),
            pool=self.workers.deployment if self.workers else DEFAULT_POOL,
        )
        return replace(policy, peak_window_seconds=self.workers.peak_window_seconds) if self.workers else policy
