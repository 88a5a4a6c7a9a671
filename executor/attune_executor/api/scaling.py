"""Why there are so many workers, and why there were so many an hour ago."""

from collections.abc import Mapping
from datetime import datetime
from itertools import islice
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from attune_executor.api.access import Guard
from attune_executor.api.errors import ErrorBody
from attune_executor.ports.authorization import Verb
from attune_executor.ports.scaling_history import ScalingHistory

SCALING_DECISIONS: Final = "/api/v1/scaling-decisions"
_MAX_LIMIT: Final = 1000


class ScalingDecision(BaseModel):
    """A decision that differed from the one before it."""

    time: datetime = Field(description="When it was made.")
    namespace: str = Field(description="The namespace of the workers.")
    deployment: str = Field(description="Their Deployment.")
    desired: int = Field(description="Workers that the Deployment should have.")
    applied: bool = Field(description="Whether they were to be set: not in the modes Recommend and Off.")
    reason: str = Field(
        description="What decided, in one CamelCase word, as in `status.scaling.reason` of the policies."
    )
    message: str = Field(description="The decision in a sentence.")
    ledger: dict[str, Any] | None = Field(
        description="Every step, as in `status.scaling`; null where nothing could be measured."
    )


class ScalingDecisions(BaseModel):
    """Decisions, the newest first."""

    data: list[ScalingDecision] = Field(description="At most `limit` of them.")


def scaling_router(history: ScalingHistory, guard: Guard) -> APIRouter:
    """``GET /api/v1/scaling-decisions``."""
    router = APIRouter(tags=["scaling"])

    @router.get(
        SCALING_DECISIONS,
        summary="Scaling decisions, the newest first; of each Deployment the last 200 since this replica leads",
        response_model=ScalingDecisions,
        responses={422: {"description": "A parameter is not understood; the error names it", "model": ErrorBody}},
    )
    async def scaling_decisions(
        request: Request,
        namespace: Annotated[str | None, Query(description="Only those of this namespace.")] = None,
        deployment: Annotated[str | None, Query(description="Only those of Deployments of this name.")] = None,
        limit: Annotated[int, Query(ge=1, le=_MAX_LIMIT, description="Most entries.")] = 100,
    ) -> dict[str, list[Mapping[str, Any]]]:
        await guard.require(request, Verb.LIST, [None])
        return {"data": list(islice(history.newest_first(namespace, deployment), limit))}

    return router
