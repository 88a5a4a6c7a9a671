"""A policy's status as a pure function of what was observed: counts, conditions, and the last scaling decision."""

from attune_operator.status.assembly import build_status, status_patch
from attune_operator.status.observation import PolicyObservation

__all__ = ["PolicyObservation", "build_status", "status_patch"]
