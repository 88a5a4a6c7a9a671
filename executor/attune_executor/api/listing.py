"""Listing executions, page by page."""

from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from attune_executor.api import answers
from attune_executor.api.access import Guard
from attune_executor.api.errors import ErrorBody, unavailable, unknown_action
from attune_executor.api.executions import EXECUTIONS
from attune_executor.domain.execution import ExecutionStatus
from attune_executor.ports.authorization import Verb
from attune_executor.ports.history import ExecutionHistory, HistoryQuery
from attune_executor.ports.journal import JournalError

_MAX_LIMIT = 500


class Order(StrEnum):
    """By acceptance."""

    NEWEST = "newest"
    OLDEST = "oldest"


def listing_router(history: ExecutionHistory, guard: Guard) -> APIRouter:
    """``GET /api/v1/executions``."""
    router = APIRouter(tags=["executions"])

    @router.get(
        EXECUTIONS,
        summary="Executions in the order of their acceptance, without parameters and results",
        description="A page may have fewer entries than `limit`, even none, and others after it: an answer looks at a"
        " bounded number of executions. Go on with `after` set to `next` until `next` is null.",
        response_model=answers.ExecutionsAnswer,
        responses={
            404: {"description": "Unknown action", "model": ErrorBody},
            422: {"description": "A parameter is not understood; the error names it", "model": ErrorBody},
            503: {"description": "Database away; Retry-After says when to come back", "model": ErrorBody},
        },
    )
    async def executions(
        request: Request,
        action_ref: Annotated[str | None, Query(description="Only those of this action.")] = None,
        status: Annotated[ExecutionStatus | None, Query(description="Only those in this status.")] = None,
        order: Annotated[Order, Query(description="The last accepted first, or the first.")] = Order.NEWEST,
        limit: Annotated[int, Query(ge=1, le=_MAX_LIMIT, description="Most entries of the page.")] = 100,
        after: Annotated[
            int | None, Query(ge=1, le=2**63 - 1, description="Where to go on: the `next` of the page before.")
        ] = None,
    ) -> dict[str, Any]:
        await guard.require(request, Verb.LIST, [action_ref])
        try:
            page = await history.page(HistoryQuery(action_ref, status, after, order is Order.OLDEST, limit))
        except JournalError as error:
            raise unavailable(str(error)) from error
        if page is None:
            raise unknown_action(action_ref or "")
        return {"data": [answers.listed(item) for item in page.executions], "next": page.next_after}

    return router
