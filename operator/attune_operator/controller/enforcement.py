"""Brings the executor's policies to what the cluster declares."""

import asyncio

import structlog

from attune_executor.domain.policy import QueuePolicy
from attune_operator.controller.inventory import Inventory
from attune_operator.controller.ports import Queues
from attune_operator.reconcile import Rule, enforced_policy, plan, rule
from attune_operator.resources import ActionQueuePolicy, QueueDefaults
from attune_operator.rulers import Rulers

_log = structlog.get_logger("attune.operator")


class Enforcement:
    """Applies policies.

    Attributes:
        rule: who rules which action.
        enforced: what the executor enforces, by action.

    Args:
        home: the operator's own namespace.
        rulers: told who rules which action.
    """

    def __init__(self, inventory: Inventory, queues: Queues, home: str, rulers: Rulers) -> None:
        self._inventory = inventory
        self._queues = queues
        self._home = home
        self._rulers = rulers
        self.rule = Rule({}, {})
        self.enforced = dict[str, QueuePolicy]()
        self._defaults = QueueDefaults()

    def in_force(self, policy: ActionQueuePolicy) -> bool:
        """Whether the executor enforces this very policy."""
        return self.enforced.get(policy.spec.action_ref) == enforced_policy(policy, self._defaults, self._home)

    async def run(self, defaults: QueueDefaults) -> bool:
        """One pass, with ``defaults`` for what policies do not say; returns whether anything was changed.

        Raises:
            UnavailableError: the executor did not take a policy; the next pass tries again.
        """
        self._defaults = defaults
        self.rule = rule(self._inventory.policies.objects().values())
        self._rulers.know(self.rule.in_force)
        self.enforced = dict(await self._queues.policies())
        changes = plan(self.rule.in_force, self.enforced, self._inventory.unreadable, defaults, self._home)
        if not changes.apply and not changes.remove:
            return False
        await asyncio.gather(
            *(self._queues.set_policy(ref, policy) for ref, policy in changes.apply.items()),
            *(self._queues.remove_policy(ref) for ref in changes.remove),
        )
        for ref, policy in changes.apply.items():
            _log.info("policy in force", action=ref, concurrency=policy.concurrency, admission=policy.admission)
        for ref in changes.remove:
            _log.info("policy removed, its queue drains", action=ref)
        self.enforced = dict(await self._queues.policies())
        return True
