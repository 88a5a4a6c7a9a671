"""A world for `attune top` that a test sets."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from attune_executor.domain.policy import Admission
from attune_operator.ctl.queues import queue_of
from attune_operator.ctl.top.film import Look
from attune_operator.ctl.top.world import Ask, Head
from attune_operator.resources import ActionQueuePolicy, ActionQueuePolicyStatus, ExecutorConfig, ObjectKey

NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
MakePolicy = Callable[..., ActionQueuePolicy]
READY = {"type": "Ready", "status": "True", "lastTransitionTime": NOW, "reason": "InForce", "message": "all is well"}


def with_status(policy: ActionQueuePolicy, **status: Any) -> ActionQueuePolicy:
    read = ActionQueuePolicyStatus.model_validate({"conditions": [READY], **status})
    return policy.model_copy(update={"status": read})


def look(
    *policies: ActionQueuePolicy, at: float = 0.0, config: ExecutorConfig | None = None, problem: str | None = None
) -> Look:
    return Look(
        at=at,
        queues=[queue_of(policy, NOW) for policy in policies],
        policies={policy.metadata.key: policy for policy in policies},
        config=config,
        problem=problem,
        leader="pod-1",
    )


class ToyWorld:
    """Shows `now`, or fails with `problem`."""

    def __init__(self, now: Look) -> None:
        self.now = now
        self.problem: Exception | None = None
        self.allowed = True
        self.admitted: list[tuple[str, Admission]] = []
        self.looks = 0

    async def look(self) -> Look:
        self.looks += 1
        if self.problem:
            raise self.problem
        return self.now

    async def may_admit(self, policy: ObjectKey) -> bool:
        del policy
        return self.allowed

    async def admit(self, policy: ActionQueuePolicy, wanted: Admission) -> str:
        self.admitted.append((policy.spec.action_ref, wanted))
        return "done"

    @asynccontextmanager
    async def head(self, action_ref: str) -> AsyncGenerator[Ask]:
        async def ask() -> Head:
            started = {"created": "2026-12-01T11:59:00Z", "started_at": "2026-12-01T11:59:30Z", "worker": "w-1"}
            return Head(
                [{"id": 7, "status": f"running {action_ref}", "attempt": 1, **started}],
                [{"id": 8, "status": "requested", "created": "2026-12-01T11:59:10Z"}],
            )

        if self.problem:
            raise self.problem
        yield ask
