"""No credentials at all: for an API that this machine alone reaches, or that is only described."""

from typing import Final

from attune_executor.ports.authorization import Caller, Verb

_LOCAL: Final = Caller("local")


class EverybodyHere:
    """Implements `attune_executor.ports.authorization.Authorizer`: whoever gets here may do everything."""

    async def authenticate(self, token: str | None) -> Caller | None:
        """The same caller, always."""
        del token
        return _LOCAL

    async def may(self, caller: Caller, verb: Verb, action_ref: str | None) -> bool:
        """Everything."""
        del caller, verb, action_ref
        return True

    async def may_read_metrics(self, caller: Caller) -> bool:
        """Yes."""
        del caller
        return True
