"""The custom resources as models: the source of truth of the CRDs and the operator's view of their objects."""

from attune_operator.resources.deployment import WorkerDeployment
from attune_operator.resources.policy import ActionQueuePolicy, Metadata
from attune_operator.resources.spec import ActionQueuePolicySpec
from attune_operator.resources.status import (
    ActionQueuePolicyStatus,
    Condition,
    ConditionStatus,
    ConditionType,
    ScalingStatus,
    WorkersStatus,
)
from attune_operator.resources.workers import DepthBand, ScaleDown, ScalingMode, WorkersSpec

__all__ = [
    "ActionQueuePolicy",
    "ActionQueuePolicySpec",
    "ActionQueuePolicyStatus",
    "Condition",
    "ConditionStatus",
    "ConditionType",
    "DepthBand",
    "Metadata",
    "ScaleDown",
    "ScalingMode",
    "ScalingStatus",
    "WorkerDeployment",
    "WorkersSpec",
    "WorkersStatus",
]
