"""What an SRE sets for the executor: the runbook's configuration file, and ``ATTUNE__SECTION__KEY`` over it.

Read when asked, never at import: a test or another program may set things first.
"""

import os
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, YamlConfigSettingsSource

from attune_executor.amqp.settings import MessageQueueSettings
from attune_executor.domain.policy import DEFAULT_MAX_QUEUE_LENGTH, QueuePolicy
from attune_executor.observability import LogSettings

ENVIRONMENT_PREFIX: Final = "ATTUNE__"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _nothing_under_its_heading(cls, data: object) -> object:
        """A heading with all its keys commented out is a section of defaults."""
        return {} if data is None else data


def _database_url(url: SecretStr) -> SecretStr:
    if not url.get_secret_value().startswith(("postgresql://", "postgres://")):
        raise ValueError("not a PostgreSQL URL: write postgresql://USER:PASSWORD@HOST:5432/DATABASE")
    return url


class DatabaseSettings(_Section):
    """``database``: the URL carries the credentials and is never shown."""

    url: Annotated[SecretStr, AfterValidator(_database_url)]


class QueueSettings(_Section):
    """``executor.queue``, the runbook's keys.

    Attributes:
        max_queue_length: waiting executions of an action beyond which the next is refused, where its policy names none.
        enable_metrics: whether ``attune.queue_stats`` is written.
    """

    max_queue_length: Annotated[int, Field(ge=0)] = DEFAULT_MAX_QUEUE_LENGTH
    enable_metrics: bool = True


class ExecutorOptions(_Section):
    """``executor``."""

    queue: QueueSettings = QueueSettings()


class ApiSettings(_Section):
    """``api``.

    Attributes:
        host: address to listen on; callers are not authenticated, so the default is this machine only.
        port: port to listen on.
        max_body_bytes: a larger request body is answered 413.
        max_batch: executions that one request may submit.
        turn_stall_seconds: ``/livez`` fails when the last turn is older.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8080
    max_body_bytes: Annotated[int, Field(ge=1024)] = 1024 * 1024
    max_batch: Annotated[int, Field(ge=1)] = 1000
    turn_stall_seconds: Annotated[float, Field(gt=0)] = 60


class ActionSettings(_Section):
    """``policies.actions.<ref>``."""

    concurrency_limit: Annotated[int, Field(ge=1)]
    max_queue_length: Annotated[int, Field(ge=0)] | None = None
    pool: str = "default"


class PolicySettings(_Section):
    """``policies``: by action, for an executor without an operator."""

    actions: dict[str, ActionSettings] = Field(default_factory=dict[str, ActionSettings])


class MigrationSettings(BaseSettings):
    """What a migration needs of the configuration; the rest need not be there, and is not looked at."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX, env_nested_delimiter="__", extra="ignore", frozen=True
    )

    database: DatabaseSettings

    @classmethod
    def load(cls, file: Path | None = None, **over: Any) -> Self:
        """Read the file, the environment over it, and ``over`` over both.

        Raises:
            OSError: the file cannot be read.
            yaml.YAMLError: it is not YAML.
            pydantic.ValidationError: a key is unknown or a value out of range.
        """

        class FromFile(cls):
            """Settings with one more source."""

            @classmethod
            def settings_customise_sources(
                cls,
                settings_cls: type[BaseSettings],
                init_settings: PydanticBaseSettingsSource,
                env_settings: PydanticBaseSettingsSource,
                dotenv_settings: PydanticBaseSettingsSource,
                file_secret_settings: PydanticBaseSettingsSource,
            ) -> tuple[PydanticBaseSettingsSource, ...]:
                del dotenv_settings, file_secret_settings
                if file is None:
                    return init_settings, env_settings
                return init_settings, env_settings, YamlConfigSettingsSource(settings_cls, file)

        if file is not None and not file.is_file():
            raise FileNotFoundError(f"no configuration file {file}")
        # The sections without defaults may come from the environment key by key.
        return FromFile(**over)  # pyright: ignore[reportReturnType] - a subclass of cls, which is Self


class Settings(MigrationSettings):
    """The executor's configuration."""

    model_config = SettingsConfigDict(extra="forbid")

    message_queue: MessageQueueSettings
    executor: ExecutorOptions = ExecutorOptions()
    api: ApiSettings = ApiSettings()
    policies: PolicySettings = PolicySettings()
    log: LogSettings = LogSettings()

    def queue_policies(self) -> dict[str, QueuePolicy]:
        """The file's policies by action.

        Raises:
            PolicyError: a field is out of its range.
        """
        return {
            ref: QueuePolicy(
                concurrency=action.concurrency_limit,
                max_queue_length=(
                    self.executor.queue.max_queue_length if action.max_queue_length is None else action.max_queue_length
                ),
                pool=action.pool,
            )
            for ref, action in self.policies.actions.items()
        }


def unknown_variables(known_sections: frozenset[str]) -> list[str]:
    """Environment variables that look like settings and belong to no section; a misspelling is not to be ignored."""
    return sorted(
        name
        for name in os.environ
        if name.upper().startswith(ENVIRONMENT_PREFIX)
        and name.upper().removeprefix(ENVIRONMENT_PREFIX).split("__")[0].lower() not in known_sections
    )
