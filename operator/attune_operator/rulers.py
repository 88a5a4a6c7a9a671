"""Which policy rules which action: what the API's permissions are asked of."""

from collections.abc import Mapping

from attune_operator.resources import ActionQueuePolicy, ObjectKey


class RulersUnknownError(Exception):
    """The policies have not been listed yet."""


class Rulers:
    """The policies in force by action, as last seen. Written by the controller's thread, read by any."""

    def __init__(self) -> None:
        self._by_action: Mapping[str, ObjectKey] | None = None

    def know(self, in_force: Mapping[str, ActionQueuePolicy]) -> None:
        """Take them for known; replaced as a whole, so that who reads sees one moment."""
        self._by_action = {ref: policy.metadata.key for ref, policy in in_force.items()}

    def of(self, action_ref: str) -> ObjectKey | None:
        """The policy that rules an action; None where none does.

        Raises:
            RulersUnknownError: a leader that has just begun does not know yet.
        """
        if self._by_action is None:
            raise RulersUnknownError("the policies are not known yet")
        return self._by_action.get(action_ref)

    def known(self, action_ref: str) -> tuple[str, str] | None:
        """Namespace and name of the policy that rules an action, as far as is known; for showing only."""
        key = (self._by_action or {}).get(action_ref)
        return None if key is None else (key.namespace, key.name)
