"""Who may enter a queue at all: the reasons to refuse that have nothing to do with its length."""

from attune_executor.domain.action_queue import ActionQueue
from attune_executor.domain.emergency import Emergency
from attune_executor.domain.policy import Admission
from attune_executor.domain.submission import Refusal, RefusalCode


def refusal(ref: str, queue: ActionQueue | None, emergency: Emergency | None) -> Refusal | None:
    """Why action ``ref`` takes no executions, or None where it does."""
    if queue is None or not queue.governed:
        return Refusal(
            RefusalCode.UNKNOWN_ACTION,
            f"Unknown action {ref!r}: declare an ActionQueuePolicy or a policies.actions entry",
            ref,
        )
    if not queue.enabled or queue.policy.admission is Admission.CLOSED:
        return Refusal(
            RefusalCode.ACTION_DISABLED,
            f"Action {ref!r} takes no executions: its admission is closed or it is disabled",
            ref,
        )
    if emergency is not None and emergency.closes(queue.policy):
        return Refusal(
            RefusalCode.ACTION_DISABLED,
            f"Action {ref!r} takes no executions: emergency mode has closed it by its priority or tags",
            ref,
        )
    return None
