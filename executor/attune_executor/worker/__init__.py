"""The worker: runs the executions of one pool and reports on them.

Packages of actions need these names from here:

    from attune_executor.worker import ActionError, Mode, action
"""

from attune_executor.worker.registry import ActionError, Mode, action

__all__ = ["ActionError", "Mode", "action"]
