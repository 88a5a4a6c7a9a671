"""What `attune top` asks of the world."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple, Protocol, TypeAlias

from attune_executor.domain.policy import Admission
from attune_operator.ctl.top.film import Look
from attune_operator.resources import ActionQueuePolicy, ObjectKey


class Head(NamedTuple):
    """Executions at the head of a queue, as the executor lists them: the oldest active, the oldest waiting."""

    active: Sequence[Mapping[str, Any]]
    waiting: Sequence[Mapping[str, Any]]


Ask: TypeAlias = Callable[[], Awaitable[Head]]


class World(Protocol):
    """Kubernetes and the executor. Every method raises CtlError."""

    async def look(self) -> Look:
        """The queues now."""
        ...

    async def may_admit(self, policy: ObjectKey) -> bool:
        """Whether the user may pause and resume a policy."""
        ...

    async def admit(self, policy: ActionQueuePolicy, wanted: Admission) -> str:
        """Pause or resume; what came of it, in a sentence."""
        ...

    def head(self, action_ref: str) -> AbstractAsyncContextManager[Ask]:
        """A way to the executions of an action, for as long as the context lasts."""
        ...
