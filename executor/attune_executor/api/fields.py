"""What several requests and answers have alike: each type with its meaning, for the API's description, once."""

from datetime import datetime
from typing import Annotated, TypeAlias

from fastapi import Path
from pydantic import Field

ActionPath: TypeAlias = Annotated[str, Path(description="The action, such as `core.http.get`.")]
ExecutionId: TypeAlias = Annotated[int, Field(description="The execution's id, by which other requests name it.")]
ActionId: TypeAlias = Annotated[int, Field(description="The action's id in the database, `attune.action.id`.")]
ActionRef: TypeAlias = Annotated[str, Field(description="The action, such as `core.http.get`.")]
Status: TypeAlias = Annotated[
    str, Field(description="requested, scheduled or running; at its end succeeded, failed, cancelled or timeout.")
]
Attempt: TypeAlias = Annotated[int, Field(description="How often it was dispatched; 0 before the first time.")]
RunningWorker: TypeAlias = Annotated[
    str | None, Field(description="The worker that began to run it last; null before the first did.")
]
Created: TypeAlias = Annotated[datetime, Field(description="When it was accepted.")]
StartedAt: TypeAlias = Annotated[
    datetime | None, Field(description="When its last run began, by the worker's clock; null before the first did.")
]
Updated: TypeAlias = Annotated[datetime, Field(description="When it last changed; once it has ended, when it ended.")]
Waiting: TypeAlias = Annotated[int, Field(description="Executions that wait.")]
Active: TypeAlias = Annotated[int, Field(description="Executions dispatched and not finished.")]
TotalEnqueued: TypeAlias = Annotated[int, Field(description="Executions accepted since the action was first known.")]
TotalCompleted: TypeAlias = Annotated[int, Field(description="Of those, the executions that have ended, in any way.")]
