"""The scaling decision: a pure function from what was measured to how many workers a Deployment should have.

`decide` is the whole of it; the rest are its steps. Nothing here reads a clock or remembers: time and the memory of
past decisions come in as values and go out as values.
"""

from attune_operator.scaling.decision import Decision, decide
from attune_operator.scaling.demand import PolicyDemand
from attune_operator.scaling.explanation import Reason
from attune_operator.scaling.history import DecisionHistory
from attune_operator.scaling.memory import ScalingMemory

__all__ = ["Decision", "DecisionHistory", "PolicyDemand", "Reason", "ScalingMemory", "decide"]
