"""What the caller may do, so that nobody is offered what will be refused."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from attune_executor.api.access import Guard
from attune_executor.api.errors import ErrorBody
from attune_executor.ports.authorization import Verb

PERMISSIONS: Final = "/api/v1/permissions"


class Permissions(BaseModel):
    """What a caller may do at present."""

    caller: str = Field(description="As whoever issued the token knows them.")
    action_ref: str | None = Field(description="Whose executions are meant; null for every action's.")
    verbs: list[Verb] = Field(description="What they may do to those; none where they may do nothing.")


class PermissionsAnswer(BaseModel):
    """What the caller may do."""

    data: Permissions = Field(description="The caller, and what they may do.")


def permissions_router(guard: Guard) -> APIRouter:
    """``GET /api/v1/permissions``."""
    router = APIRouter(tags=["operations"])

    @router.get(
        PERMISSIONS,
        summary="What the caller may do to the executions of an action, or of every action",
        response_model=PermissionsAnswer,
        responses={422: {"description": "A parameter is not understood; the error names it", "model": ErrorBody}},
    )
    async def permissions(
        request: Request,
        action_ref: Annotated[str | None, Query(description="Of this action; of every action unless given.")] = None,
    ) -> dict[str, Any]:
        caller, verbs = await guard.permitted(request, action_ref)
        return {"data": {"caller": caller, "action_ref": action_ref, "verbs": verbs}}

    return router
