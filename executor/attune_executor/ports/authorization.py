"""Who calls the API, and what they may do with which action's executions."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol


class Verb(StrEnum):
    """What is done to executions; the words of Kubernetes' RBAC."""

    CREATE = "create"
    """Submit them."""
    GET = "get"
    """Look at one, or at an action's queue."""
    LIST = "list"
    """Look at many."""
    DELETE = "delete"
    """End them: cancel, complete by hand, purge."""


class Caller(NamedTuple):
    """Who calls, as whoever issued their credentials knows them."""

    name: str
    groups: Sequence[str] = ()
    uid: str = ""
    extra: Mapping[str, Sequence[str]] = {}


class AuthorizationUnavailableError(Exception):
    """Who calls, or what they may do, cannot be found out now; asking again can help."""


class Authorizer(Protocol):
    """Decides about callers. Every method raises AuthorizationUnavailableError where it cannot."""

    async def authenticate(self, token: str | None) -> Caller | None:
        """Who has this bearer token; None where nobody has. Without a token: who needs none, if anybody."""
        ...

    async def may(self, caller: Caller, verb: Verb, action_ref: str | None) -> bool:
        """Whether they may do this to the executions of an action; of every action, where it is None."""
        ...

    async def may_read_metrics(self, caller: Caller) -> bool:
        """Whether they may read ``/metrics``, which speaks of every action."""
        ...
