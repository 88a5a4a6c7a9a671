"""Who may call the API, by Kubernetes' own means: a TokenReview says who, SubjectAccessReviews say what.

What is asked for is the subresource ``executions`` of the policy that rules the action, so that a Role with that
policy's name lets a ServiceAccount submit to that action and to no other. Answers are kept for seconds: as long as it
takes until a permission that is taken away, or a token that is revoked, counts no more.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeAlias, TypeVar

from attune_executor.ports.authorization import AuthorizationUnavailableError, Caller, Verb
from attune_operator.authorization_cache import BriefCache
from attune_operator.cluster import ClusterError
from attune_operator.resources.policy import GROUP, PLURAL
from attune_operator.rulers import Rulers, RulersUnknownError

YES_SECONDS: Final = 10.0
NO_SECONDS: Final = 3.0
"""A refusal is forgotten sooner: whoever has just been given a permission tries again at once."""
OUTAGE_SECONDS: Final = 900.0
"""How much longer a permission counts while the Kubernetes API is away: its outage must not stop the queues too."""
_MOST_TOKENS: Final = 2048
_MOST_ANSWERS: Final = 16_384
_REVIEWS_AT_ONCE: Final = 16
"""Reviews share the client with the lease, whose renewal no flood of unknown tokens may hold up."""
_MOST_WAITING: Final = 512

_Answer = TypeVar("_Answer")
_Scope: TypeAlias = tuple[str, str]
"""Namespace and name of a policy, empty for all."""


class Reviews(Protocol):
    """What is asked of the Kubernetes API; each raises ClusterError."""

    async def review_token(self, token: str, audiences: Sequence[str]) -> Mapping[str, Any]:
        """The status of a TokenReview."""
        ...

    async def review_access(self, spec: Mapping[str, Any]) -> bool:
        """Whether a SubjectAccessReview allows it."""
        ...


class KubernetesAuthorizer:
    """Implements `attune_executor.ports.authorization.Authorizer`; made on the loop that ``reviews`` belongs to.

    Args:
        reviews: the Kubernetes API.
        rulers: which policy rules which action.
        namespaces: where policies are; None for everywhere. Who may do something to every action may in all of them.
        audiences: whom a token must be meant for; empty: the API server itself.
    """

    def __init__(
        self, reviews: Reviews, rulers: Rulers, namespaces: Sequence[str | None], audiences: Sequence[str] = ()
    ) -> None:
        self._reviews = reviews
        self._rulers = rulers
        self._everywhere: list[_Scope] = [(namespace or "", "") for namespace in namespaces]
        self._audiences = audiences
        self._home = asyncio.get_running_loop()
        self._turns = asyncio.Semaphore(_REVIEWS_AT_ONCE)
        self._waiting = 0
        # By digest: a token that is in no memory for longer than its request cannot be read out of it.
        self._callers: BriefCache[bytes, Caller | None] = BriefCache(
            _MOST_TOKENS, _seconds, outage_seconds=_outage_seconds
        )
        self._answers: BriefCache[tuple[Any, ...], bool] = BriefCache(
            _MOST_ANSWERS, _seconds, outage_seconds=_outage_seconds
        )

    async def authenticate(self, token: str | None) -> Caller | None:
        """Whose token the Kubernetes API says it is; it knows nobody without one."""
        if token is None:
            return None
        digest = hashlib.sha256(token.encode()).digest()

        async def ask() -> Caller | None:
            status = await self._reviews.review_token(token, self._audiences)
            meant = not self._audiences or set(self._audiences) & set(status.get("audiences", ()))
            return _caller(status["user"]) if status.get("authenticated") and meant else None

        return await self._callers.get(digest, lambda: self._asked(ask))

    async def may(self, caller: Caller, verb: Verb, action_ref: str | None) -> bool:
        """Whether a Role says so for the action's policy; where none rules it, for every policy."""
        try:
            ruler = None if action_ref is None else self._rulers.of(action_ref)
        except RulersUnknownError as error:
            raise AuthorizationUnavailableError(str(error)) from error
        scopes = self._everywhere if ruler is None else [(ruler.namespace, ruler.name)]
        answers = [
            await self._allowed(
                caller,
                resourceAttributes={
                    "group": GROUP,
                    "resource": PLURAL,
                    "subresource": "executions",
                    "verb": verb.value,
                    "namespace": namespace,
                    "name": name,
                },
            )
            for namespace, name in scopes
        ]
        return all(answers)

    async def may_read_metrics(self, caller: Caller) -> bool:
        """As for any other program's metrics, by ``get`` on the non-resource URL ``/metrics``, or as for every action.

        A RoleBinding gives no non-resource URL, and metrics tell nothing that who may list every action does not see.
        """
        usual = await self._allowed(caller, nonResourceAttributes={"path": "/metrics", "verb": "get"})
        return usual or await self.may(caller, Verb.LIST, None)

    async def _allowed(self, caller: Caller, **attributes: Mapping[str, str]) -> bool:
        extra = {key: list(values) for key, values in caller.extra.items()}
        spec = {"user": caller.name, "uid": caller.uid, "groups": list(caller.groups), "extra": extra, **attributes}
        question = (
            *(caller.name, caller.uid, tuple(caller.groups)),
            *((key, tuple(values)) for key, values in sorted(extra.items())),
            *(tuple(part.items()) for part in attributes.values()),
        )
        return await self._answers.get(question, lambda: self._asked(lambda: self._reviews.review_access(spec)))

    async def _asked(self, ask: Callable[[], Awaitable[_Answer]]) -> _Answer:
        """The answer, asked on the loop of the Kubernetes client from whichever loop the API is on."""
        asking = asyncio.run_coroutine_threadsafe(self._in_turn(ask), self._home)
        return await asyncio.wrap_future(asking)

    async def _in_turn(self, ask: Callable[[], Awaitable[_Answer]]) -> _Answer:
        if self._waiting >= _MOST_WAITING:
            raise AuthorizationUnavailableError("too many callers have to be looked up at once")
        self._waiting += 1
        try:
            async with self._turns:
                return await ask()
        except ClusterError as error:
            raise AuthorizationUnavailableError(str(error)) from error
        finally:
            self._waiting -= 1


def _seconds(answer: object) -> float:
    return YES_SECONDS if answer else NO_SECONDS


def _outage_seconds(answer: object) -> float:
    return OUTAGE_SECONDS if answer else 0.0


def _caller(user: Mapping[str, Any]) -> Caller:
    extra: Mapping[str, Sequence[str]] = user.get("extra", {})
    groups: Sequence[str] = user.get("groups", ())
    frozen = {key: tuple(values) for key, values in extra.items()}
    return Caller(user["username"], tuple(groups), user.get("uid", ""), frozen)
