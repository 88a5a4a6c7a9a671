"""Whether a queue that has work moves: the runbook's "Stuck Queues (Not Progressing)", and what excuses it."""

from attune_executor.domain.policy import Admission
from attune_executor.domain.thresholds import STUCK_SECONDS
from attune_operator.resources import ActionQueuePolicySpec
from attune_operator.status.verdict import Verdict, fails, holds


def stuck(
    spec: ActionQueuePolicySpec,
    queue_length: int,
    active_count: int,
    still_seconds: float,
    patience_seconds: float = STUCK_SECONDS,
) -> Verdict:
    """Whether the queue is stuck.

    Args:
        spec: of the policy that rules it.
        queue_length: executions that wait.
        active_count: executions that hold a slot.
        still_seconds: since anything in the queue last changed.
        patience_seconds: how long it may stand still without an excuse; what runs and may take longer is one.
    """
    if queue_length == 0 and active_count == 0:
        return fails("Empty", "nothing waits and nothing runs")
    if spec.admission is Admission.HOLD and active_count == 0:
        return fails("Held", "admission is Hold: nothing is started")
    if active_count == 0 and spec.rate_limit is not None and still_seconds <= spec.rate_limit.window_seconds:
        return fails("RateLimited", "nothing runs, and rateLimit may be what holds the head of the line")
    timeout = 0 if active_count == 0 else spec.execution_timeout_seconds or 0
    patience = max(patience_seconds, timeout)
    if still_seconds > patience:
        return holds(
            "NotProgressing",
            f"the queue has work and has not moved for {patience // 60:.0f} minutes:"
            " look for stuck workers and executions",
        )
    return fails("Progressing", "the queue moves")
