"""What has to be done so that the executor enforces the policies that the cluster declares: a pure comparison."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from attune_executor.domain.policy import QueuePolicy
from attune_operator.resources import ActionQueuePolicy, ObjectKey, QueueDefaults


@dataclass(frozen=True, slots=True)
class Rule:
    """Who rules each action, across the watched namespaces.

    Attributes:
        in_force: the policies in force, by action.
        ruled_by: for the uid of each other policy, the name of who rules instead, with the namespace if it is another.
    """

    in_force: Mapping[str, ActionQueuePolicy]
    ruled_by: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Plan:
    """Changes to the executor's policies, by action."""

    apply: Mapping[str, QueuePolicy]
    remove: frozenset[str]


def rule(policies: Iterable[ActionQueuePolicy]) -> Rule:
    """Of several policies for one action the oldest rules; one that is being deleted rules no more.

    ``ruled_by`` is keyed by the policy's uid.
    """
    in_force: dict[str, ActionQueuePolicy] = {}
    ruled_by: dict[str, str] = {}
    for policy in sorted(policies, key=lambda policy: (policy.metadata.creation_timestamp, policy.metadata.key)):
        if policy.metadata.deletion_timestamp is not None:
            continue
        ruler = in_force.setdefault(policy.spec.action_ref, policy)
        if ruler is not policy:
            near = ruler.metadata.namespace == policy.metadata.namespace
            ruled_by[policy.metadata.uid] = ruler.metadata.name if near else str(ruler.metadata.key)
    return Rule(in_force, ruled_by)


def pool_of(deployment: ObjectKey, home: str) -> str:
    """The worker pool of a Deployment; ``home`` is the operator's own namespace.

    Its name, and outside of ``home`` with the namespace behind a dot, as in Kubernetes' names of Services: a
    Deployment's name here has no dots, so that no two Deployments share a pool.
    """
    return deployment.name if deployment.namespace == home else f"{deployment.name}.{deployment.namespace}"


def enforced_policy(policy: ActionQueuePolicy, defaults: QueueDefaults, home: str) -> QueuePolicy:
    """What the executor enforces of a policy; ``home`` is the operator's own namespace."""
    enforced = policy.spec.queue_policy(defaults)
    if policy.spec.workers is None:
        return enforced
    return replace(enforced, pool=pool_of(ObjectKey(policy.metadata.namespace, policy.spec.workers.deployment), home))


def plan(
    in_force: Mapping[str, ActionQueuePolicy],
    executor: Mapping[str, QueuePolicy],
    unreadable: AbstractSet[str] | None,
    defaults: QueueDefaults,
    home: str,
) -> Plan:
    """The changes that turn the executor's policies into those in force; empty when there is nothing to do.

    Actions in ``unreadable`` have a policy that this operator cannot read: what the executor knows of them stays. None
    stands for all of them: there is a namespace whose policies are not known. What policies do not say is as in
    ``defaults``; ``home`` as in `enforced_policy`.
    """
    wanted = {ref: enforced_policy(policy, defaults, home) for ref, policy in in_force.items()}
    spared = executor.keys() if unreadable is None else unreadable
    return Plan(
        apply={ref: policy for ref, policy in wanted.items() if executor.get(ref) != policy},
        remove=frozenset(executor.keys() - wanted.keys() - spared),
    )
