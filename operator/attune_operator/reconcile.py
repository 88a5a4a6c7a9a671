"""What has to be done so that the executor enforces the policies that the cluster declares: a pure comparison."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from attune_executor.domain.policy import QueuePolicy
from attune_operator.resources import ActionQueuePolicy


@dataclass(frozen=True, slots=True)
class Rule:
    """Who rules each action: the policies in force by action, and for each other one the name of who rules instead."""

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
    for policy in sorted(policies, key=lambda policy: (policy.metadata.creation_timestamp, policy.metadata.name)):
        if policy.metadata.deletion_timestamp is not None:
            continue
        ruler = in_force.setdefault(policy.spec.action_ref, policy)
        if ruler is not policy:
            ruled_by[policy.metadata.uid] = ruler.metadata.name
    return Rule(in_force, ruled_by)


def plan(
    in_force: Mapping[str, ActionQueuePolicy], executor: Mapping[str, QueuePolicy], unreadable: AbstractSet[str]
) -> Plan:
    """The changes that turn the executor's policies into those in force; empty when there is nothing to do.

    Actions in ``unreadable`` have a policy that this operator cannot read: what the executor knows of them stays.
    """
    wanted = {ref: policy.spec.queue_policy() for ref, policy in in_force.items()}
    return Plan(
        apply={ref: policy for ref, policy in wanted.items() if executor.get(ref) != policy},
        remove=frozenset(executor.keys() - wanted.keys() - unreadable),
    )
