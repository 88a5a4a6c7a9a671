"""Statuses as pure functions of what was observed: counts, conditions, the last scaling decision, and what changed."""

from attune_operator.status.assembly import build_status, status_patch
from attune_operator.status.executor_config import ConfigObservation, build_config_status, config_transitions
from attune_operator.status.observation import PolicyObservation
from attune_operator.status.transitions import Severity, Transition, policy_transitions

__all__ = [
    "ConfigObservation",
    "PolicyObservation",
    "Severity",
    "Transition",
    "build_config_status",
    "build_status",
    "config_transitions",
    "policy_transitions",
    "status_patch",
]
