"""Brings the executor's policies to what the cluster declares."""

import asyncio

import structlog

from attune_executor.domain.policy import QueuePolicy
from attune_operator.controller.ports import Queues
from attune_operator.reconcile import Rule, plan, rule
from attune_operator.resources import ActionQueuePolicy
from attune_operator.view import ResourceView

_log = structlog.get_logger("attune.operator")


class Enforcement:
    """Applies policies.

    Attributes:
        rule: who rules which action.
        enforced: what the executor enforces, by action.
        unreadable: actions whose policy cannot be read; they are left as they are.
    """

    def __init__(self, policies: ResourceView[ActionQueuePolicy], queues: Queues) -> None:
        self._policies = policies
        self._queues = queues
        self.rule = Rule({}, {})
        self.enforced = dict[str, QueuePolicy]()
        self.unreadable: frozenset[str] = frozenset()

    async def run(self) -> bool:
        """One pass; returns whether anything was changed.

        Raises:
            UnavailableError: the executor did not take a policy; the next pass tries again.
        """
        self.rule = rule(self._policies.objects().values())
        self.enforced = dict(await self._queues.policies())
        changes = plan(self.rule.in_force, self.enforced, self.unreadable)
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
