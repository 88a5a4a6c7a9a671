"""Pausing and resuming: between admission Open and Hold, and never out of Closed, which somebody meant otherwise."""

from attune_executor.domain.policy import Admission
from attune_operator.ctl.errors import CtlError
from attune_operator.resources import ActionQueuePolicy


def must_change(policy: ActionQueuePolicy, wanted: Admission) -> bool:
    """Whether the admission of ``policy`` has to be patched to ``wanted``.

    Raises:
        CtlError: it is Closed, and the change would have it accept what it refuses now.
    """
    present = policy.spec.admission
    if present is Admission.CLOSED:
        key = policy.metadata.key
        raise CtlError(
            f"policy {key} is Closed: it refuses new executions, and would accept them if it were {wanted.value};"
            f" if that is meant: kubectl -n {key.namespace} patch aqp {key.name} --type merge"
            f' -p \'{{"spec":{{"admission":"{wanted.value}"}}}}\''
        )
    return present is not wanted
