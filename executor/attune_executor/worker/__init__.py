"""The worker: runs the executions of one pool and reports on them.

Packages of actions need two names from here:

    from attune_executor.worker import ActionError, action
"""

from attune_executor.worker.registry import ActionError, action

__all__ = ["ActionError", "action"]
