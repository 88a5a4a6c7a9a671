"""Conditions as all kinds report them, in the form that kubectl wait, Argo CD and Flux understand."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import Field

from attune_operator.resources.schema import ResourceModel

Count = Annotated[int, Field(ge=0)]
ObservedGeneration = Annotated[int, Field(ge=-1)]


class ConditionStatus(StrEnum):
    """Whether a condition holds."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(ResourceModel):
    """One aspect of an object's state."""

    type: str = Field(max_length=316)
    """Which aspect, in one CamelCase word; the list's own description says what each means."""

    status: ConditionStatus
    """True, False or Unknown."""

    observed_generation: Count | None = None
    """The generation of the object that the condition was computed from."""

    last_transition_time: datetime
    """When the status last changed."""

    reason: str = Field(min_length=1, max_length=1024)
    """Why, in one CamelCase word."""

    message: str = Field(max_length=32768)
    """Why, in a sentence, and what to do."""


READY: Final = "Ready"
STALLED: Final = "Stalled"
"""The field's name (kstatus) for what does not get ready by itself; reported only while that is so."""
PENDING: Final = "Pending"
"""The reason while the operator is about to do what an object says."""

BY_TYPE: Final[dict[str, Any]] = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}

UNSEEN: Final[dict[str, Any]] = {
    "observedGeneration": -1,
    "conditions": [
        {
            "type": READY,
            "status": ConditionStatus.UNKNOWN.value,
            "reason": PENDING,
            "message": "no operator has looked at the object yet: is one running, and does it watch this namespace?",
            "lastTransitionTime": "1970-01-01T00:00:00Z",
        }
    ],
}
"""The status that an object is born with. Without it those who wait for it would take it for ready at once, since an
object without conditions counts as such."""
