"""Maintenance: how its tasks stand, and having one run before it is due."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, Field

from attune_executor.api.access import Guard
from attune_executor.api.answers import moment
from attune_executor.api.errors import ApiError, ErrorBody
from attune_executor.api.service import ExecutionService
from attune_executor.domain.maintenance import PURPOSES, SCHEDULES, SWITCHES, Task, TaskReport
from attune_executor.ports.authorization import Verb

MAINTENANCE: Final = "/api/v1/maintenance"


class Run(BaseModel):
    """A completed run of a task."""

    started_at: datetime = Field(description="When it began.")
    seconds: float = Field(description="How long it took.")
    rows: int = Field(description="Rows that it wrote or deleted.")


class MaintenanceTask(BaseModel):
    """How a task stands."""

    task: str = Field(description="Its name, by which it is run.")
    purpose: str = Field(description="What it does.")
    schedule: str = Field(description="When it is done, for people.")
    every_seconds: int = Field(description="Seconds from one run to the next.")
    enabled: bool = Field(description="False: a setting has it never done.")
    switch: str | None = Field(description="The setting that switches it on and off; null where none does.")
    last_run: Run | None = Field(description="The last completed run, by whichever executor; null before the first.")
    due_at: datetime | None = Field(
        description="When the next one begins; past while it is overdue, null until that is known."
    )
    running: bool = Field(description="Whether one is under way, or about to begin.")
    failure: str | None = Field(description="Why the latest attempt failed; null after a success.")
    failures: int = Field(description="Attempts that failed since this executor does the maintenance.")


class TaskAnswer(BaseModel):
    """One task."""

    data: MaintenanceTask = Field(description="How it stands now that a run is asked for.")


class TasksAnswer(BaseModel):
    """Every task."""

    data: list[MaintenanceTask] = Field(description="The tasks, each as it stands.")


def maintenance_router(service: ExecutionService, guard: Guard) -> APIRouter:
    """``GET /api/v1/maintenance`` and ``POST /api/v1/maintenance/{task}/run``."""
    router = APIRouter(prefix=MAINTENANCE, tags=["maintenance"])

    @router.get("", summary="What maintenance does, when, and what it last did", response_model=TasksAnswer)
    async def tasks(request: Request) -> dict[str, Any]:
        await guard.require(request, Verb.LIST, [None])
        return {"data": [_task(report) for report in await service.maintenance()]}

    @router.post(
        "/{task}/run",
        status_code=HTTPStatus.ACCEPTED,
        summary="Have a task run now; look at it until it does not run any more",
        response_model=TaskAnswer,
        responses={
            404: {"description": "There is no such task", "model": ErrorBody},
            409: {"description": "A setting switches it off", "model": ErrorBody},
            413: {"description": "Body too large", "model": ErrorBody},
        },
    )
    async def run(
        request: Request, task: Annotated[str, Path(description="Its name, as `GET /api/v1/maintenance` lists it.")]
    ) -> dict[str, Any]:
        await guard.require(request, Verb.DELETE, [None])
        if task not in set(Task):
            known = [each.value for each in Task]
            raise ApiError(
                HTTPStatus.NOT_FOUND,
                "unknown_task",
                f"There is no task {task!r} of maintenance; there are: {', '.join(known)}",
                details={"known": known},
            )
        report = await service.run_maintenance(Task(task))
        if not report.enabled:
            switch = SWITCHES[report.task]
            raise ApiError(
                HTTPStatus.CONFLICT,
                "task_switched_off",
                f"{task} is switched off: it is not done unless you change {switch}",
                details={"switch": switch},
            )
        return {"data": _task(report)}

    return router


def _task(report: TaskReport) -> dict[str, Any]:
    last = report.last
    schedule = SCHEDULES[report.task]
    return {
        "task": report.task.value,
        "purpose": PURPOSES[report.task],
        "schedule": str(schedule),
        "every_seconds": schedule.every_seconds,
        "enabled": report.enabled,
        "switch": SWITCHES.get(report.task),
        "last_run": None
        if last is None
        else {"started_at": moment(last.started_at), "seconds": last.seconds, "rows": last.rows},
        "due_at": moment(report.due_at),
        "running": report.running,
        "failure": report.failure,
        "failures": report.failures,
    }
