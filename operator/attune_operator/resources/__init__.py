"""The custom resources as models: the source of truth of the CRDs and the operator's view of their objects."""

from attune_operator.resources.condition import Condition, ConditionStatus
from attune_operator.resources.config import ExecutorConfig, ExecutorConfigSpec, ExecutorRules
from attune_operator.resources.config_status import ConfigConditionType, ExecutorConfigStatus, TotalsStatus
from attune_operator.resources.deployment import WorkerDeployment
from attune_operator.resources.policy import ActionQueuePolicy, Metadata, ObjectKey
from attune_operator.resources.spec import ActionQueuePolicySpec, QueueDefaults
from attune_operator.resources.status import (
    ActionQueuePolicyStatus,
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
    "ConfigConditionType",
    "DepthBand",
    "ExecutorConfig",
    "ExecutorConfigSpec",
    "ExecutorConfigStatus",
    "ExecutorRules",
    "Metadata",
    "ObjectKey",
    "QueueDefaults",
    "ScaleDown",
    "ScalingMode",
    "ScalingStatus",
    "TotalsStatus",
    "WorkerDeployment",
    "WorkersSpec",
    "WorkersStatus",
]
