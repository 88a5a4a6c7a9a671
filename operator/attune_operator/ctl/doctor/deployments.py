"""Why a Deployment has no pods, or none that works: the same for the operator's and for the workers'.

One fault for each Deployment, the most basic one: without an image nothing can crash.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from attune_operator.ctl.doctor.evidence import Workload
from attune_operator.ctl.doctor.ill_pods import crashing, hung, not_ready, out_of_memory
from attune_operator.ctl.doctor.no_pods import image, refused, unschedulable
from attune_operator.ctl.doctor.pod_fault import PodFault

_JUDGES: Final[tuple[Callable[[Workload, datetime], PodFault | None], ...]] = (
    image,
    refused,
    unschedulable,
    out_of_memory,
    crashing,
    hung,
    not_ready,
)
"""The most basic first."""


def pod_fault(workload: Workload, now: datetime) -> PodFault | None:
    """The most basic fault of a Deployment's pods; None where each is ready, or there are none to be."""
    for judge in _JUDGES:
        fault = judge(workload, now)
        if fault is not None:
            return fault
    return None
