"""What an SRE sets for a worker, by environment variable or option."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from attune_executor.amqp.settings import MessageQueueSettings
from attune_executor.amqp.topology import pool_queue_name
from attune_executor.observability import LogSettings
from attune_executor.worker.outcome import MAX_RESULT_BYTES


def _pool(name: str) -> str:
    pool_queue_name(name)
    return name


class WorkerOptions(BaseModel):
    """``worker``.

    Attributes:
        pool: whose executions this worker runs: a DNS label, for a Deployment outside of the operator's namespace with
            that namespace behind a dot.
        slots: executions that run at once.
        name: this worker's, unique among all workers; unset: the host's, with the process id outside containers.
        max_result_bytes: the most JSON that an action may return, up to 8 MiB.
        health_port: where /livez and /readyz answer; none when unset.
        drain_seconds: how long what runs may take to finish after SIGTERM; unset: as long as it takes.
        connect_seconds: how long to try for the first connection to the broker before giving up.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    pool: Annotated[str, AfterValidator(_pool)]
    slots: Annotated[int, Field(ge=1, le=1000)] = 10
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,112}$")] | None = None
    max_result_bytes: Annotated[int, Field(ge=1024, le=8 * 1024 * 1024)] = MAX_RESULT_BYTES
    health_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    drain_seconds: Annotated[float, Field(ge=0)] | None = None
    connect_seconds: Annotated[float, Field(ge=0)] = 30


class WorkerSettings(BaseSettings):
    """Environment variables ``ATTUNE__SECTION__KEY``; what the constructor is given wins over them."""

    model_config = SettingsConfigDict(env_prefix="ATTUNE__", env_nested_delimiter="__", extra="forbid", frozen=True)

    message_queue: MessageQueueSettings
    worker: WorkerOptions
    log: LogSettings = LogSettings()
