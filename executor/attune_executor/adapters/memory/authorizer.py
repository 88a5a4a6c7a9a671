"""Callers by their tokens, and what they may do, in memory."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from attune_executor.ports.authorization import AuthorizationUnavailableError, Caller, Verb

Grant = tuple[Verb, str | None]
"""To do something to the executions of an action; None: to those of every one."""


class MemoryAuthorizer:
    """Implements `attune_executor.ports.authorization.Authorizer`.

    Args:
        callers: by token; each token is its caller's name too.
        metrics: who may read the metrics.

    Attributes:
        away: whether nothing can be found out now.
    """

    def __init__(self, callers: Mapping[str, AbstractSet[Grant]], metrics: AbstractSet[str] = frozenset()) -> None:
        self._callers = callers
        self._metrics = metrics
        self.away = False

    async def authenticate(self, token: str | None) -> Caller | None:
        """Whose token it is."""
        self._answer()
        return Caller(token) if token is not None and token in self._callers else None

    async def may(self, caller: Caller, verb: Verb, action_ref: str | None) -> bool:
        """As was granted."""
        self._answer()
        granted = self._callers[caller.name]
        return (verb, None) in granted or (verb, action_ref) in granted

    async def may_read_metrics(self, caller: Caller) -> bool:
        """As was granted."""
        self._answer()
        return caller.name in self._metrics

    def _answer(self) -> None:
        if self.away:
            raise AuthorizationUnavailableError("whoever knows the callers is away")
