"""What an SRE writes: the spec of an ActionQueuePolicy."""

from pydantic import Field

from attune_executor.domain.policy import DEFAULT_MAX_QUEUE_LENGTH, DEFAULT_POOL, Admission, QueuePolicy
from attune_operator.resources.schema import ResourceModel, between, rules
from attune_operator.resources.workers import WorkersSpec


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

    max_queue_length: int = between(
        0,
        100_000_000,
        "maxQueueLength must be 0 or more; 0 refuses whatever cannot start at once",
        default=DEFAULT_MAX_QUEUE_LENGTH,
    )
    """Executions that may wait. Beyond it a request is refused with `Queue full (max length: N)`."""

    admission: Admission = Admission.OPEN
    """Open: accept and start executions. Hold: accept them and start none. Closed: refuse new ones while those that
    wait drain."""

    workers: WorkersSpec | None = None
    """The Deployment that runs the action and how it follows the load. Without it the action runs in the worker pool
    `default` and nothing is scaled."""

    def queue_policy(self) -> QueuePolicy:
        """What the executor enforces of this spec."""
        if self.workers is None:
            return QueuePolicy(self.concurrency, self.max_queue_length, self.admission, DEFAULT_POOL)
        return QueuePolicy(
            concurrency=self.concurrency,
            max_queue_length=self.max_queue_length,
            admission=self.admission,
            pool=self.workers.deployment,
            peak_window_seconds=self.workers.peak_window_seconds,
        )
