"""The ActionQueuePolicy as a whole object of the Kubernetes API."""

from datetime import datetime
from typing import Final, NamedTuple

from pydantic import ValidationError, ValidatorFunctionWrapHandler, field_validator

from attune_operator.resources.schema import ResourceModel
from attune_operator.resources.spec import ActionQueuePolicySpec
from attune_operator.resources.status import ActionQueuePolicyStatus

GROUP: Final = "attune.io"
VERSION: Final = "v1alpha1"
KIND: Final = "ActionQueuePolicy"
PLURAL: Final = "actionqueuepolicies"


class ObjectKey(NamedTuple):
    """What tells an object from all others of its kind."""

    namespace: str
    name: str

    def __str__(self) -> str:
        """As kubectl and logs of the field write it."""
        return f"{self.namespace}/{self.name}"


class Metadata(ResourceModel):
    """What the operator reads of an object's metadata."""

    name: str
    namespace: str
    uid: str
    generation: int
    resource_version: str
    creation_timestamp: datetime
    deletion_timestamp: datetime | None = None

    @property
    def key(self) -> ObjectKey:
        """Namespace and name."""
        return ObjectKey(self.namespace, self.name)


class ActionQueuePolicy(ResourceModel):
    """An ActionQueuePolicy bounds and orders the executions of one action and lets its workers follow the load.

    Executions of an action wait in one queue, first in, first out, and never more than `concurrency` run at a time.
    """

    metadata: Metadata
    spec: ActionQueuePolicySpec
    """What is wanted."""

    status: ActionQueuePolicyStatus | None = None
    """What is; absent until the operator has looked at the policy."""

    @field_validator("status", mode="wrap")
    @classmethod
    def _written_by_this_release(
        cls, value: object, read: ValidatorFunctionWrapHandler
    ) -> ActionQueuePolicyStatus | None:
        """A status that another release wrote is none: it is written anew, and the policy stays in force meanwhile."""
        try:
            return read(value)
        except ValidationError:
            return None
