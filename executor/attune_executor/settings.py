"""What an SRE sets for the executor: the runbook's configuration file, and ``ATTUNE__SECTION__KEY`` over it.

Read when asked, never at import: a test or another program may set things first.
"""

import os
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from attune_executor.amqp.settings import MessageQueueSettings
from attune_executor.api.settings import ApiSettings
from attune_executor.connection_settings import ConnectionSettings
from attune_executor.credentials import with_options
from attune_executor.domain.emergency import Emergency
from attune_executor.domain.errors import PolicyError
from attune_executor.domain.maintenance import (
    DEFAULT_EXECUTION_RETENTION_DAYS,
    DEFAULT_GROWTH_RETENTION_DAYS,
    MaintenanceRules,
)
from attune_executor.domain.policy import QueuePolicy
from attune_executor.domain.sharding import MOST_SHARDS
from attune_executor.observability import LogSettings
from attune_executor.policy_settings import EmergencySettings, PolicySettings, QueueSettings
from attune_executor.sections import Section, Whole, has_address
from attune_executor.settings_sources import SHORT_RATE_LIMITS, Environment, read_file

ENVIRONMENT_PREFIX: Final = "ATTUNE__"
_DATABASE_SCHEMES: Final = frozenset({"postgresql", "postgres"})


class DatabaseSettings(ConnectionSettings):
    """``database``. With ``tls``, the server's certificate and name are checked."""

    @classmethod
    def flaw(cls, url: SecretStr) -> str | None:
        """No PostgreSQL URL, where it is none."""
        if has_address(url, _DATABASE_SCHEMES):
            return None
        return (
            "not a PostgreSQL URL: write postgresql://USER:PASSWORD@HOST:5432/DATABASE, with what is neither letter nor"
            " digit in the password as %XX"
        )

    def with_connection_options(self, url: str) -> str:
        """As libpq and asyncpg understand it."""
        if self.tls is None:
            return url
        options = {"sslmode": "verify-full", "sslrootcert": self.tls.trust}
        if self.tls.certificate_file is not None:
            options |= {"sslcert": str(self.tls.certificate_file), "sslkey": str(self.tls.key_file)}
        return with_options(url, options)


class MaintenanceSettings(Section):
    """``executor.maintenance``.

    Attributes:
        execution_retention_days: a finished execution is deleted this many days after it finished; 0: never.
        growth_retention_days: the counts of a day are deleted this many days after it; 0: never.
    """

    execution_retention_days: Annotated[Whole, Field(ge=0, le=36_500)] = DEFAULT_EXECUTION_RETENTION_DAYS
    growth_retention_days: Annotated[Whole, Field(ge=0, le=36_500)] = DEFAULT_GROWTH_RETENTION_DAYS

    def rules(self, *, snapshots: bool) -> MaintenanceRules:
        """What is done, beside taking ``snapshots`` or not."""
        return MaintenanceRules(
            snapshots=snapshots,
            execution_retention_days=self.execution_retention_days,
            growth_retention_days=self.growth_retention_days,
        )


class ShardingSettings(Section):
    """``executor.sharding``.

    Attributes:
        count: into how many shards the executions of a database are divided; decided by its first executor for good.
        cooperative: whether several executors share the shards; otherwise the one that starts last has them all.
    """

    count: Annotated[Whole, Field(ge=1, le=MOST_SHARDS)] = 1
    cooperative: bool = False


class ExecutorOptions(Section):
    """``executor``.

    Attributes:
        queue: what holds for every action whose policy does not say otherwise.
        emergency_mode: relaxes limits, and closes what ``emergency`` names.
        emergency: what that means.
        maintenance: what becomes of finished executions.
        sharding: who owns which actions.
    """

    queue: QueueSettings = QueueSettings()
    emergency_mode: bool = False
    emergency: EmergencySettings = EmergencySettings()
    maintenance: MaintenanceSettings = MaintenanceSettings()
    sharding: ShardingSettings = ShardingSettings()


class MigrationSettings(BaseSettings):
    """What a migration needs of the configuration; the rest need not be there, and is not looked at."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX, env_nested_delimiter="__", env_parse_none_str="null", extra="ignore", frozen=True
    )

    database: DatabaseSettings

    @classmethod
    def load(cls, file: Path | None = None, **over: Any) -> Self:
        """Read the file, the environment over it, and ``over`` over both.

        Raises:
            ConfigurationError: the file cannot be read, or contradicts itself.
            pydantic.ValidationError: a key is unknown or a value out of range.
        """
        keys = {} if file is None else read_file(file)

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
                del env_settings, dotenv_settings, file_secret_settings
                environment = Environment(settings_cls, keys)
                return init_settings, environment, InitSettingsSource(settings_cls, keys)

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

    @model_validator(mode="after")
    def _can_share(self) -> Self:
        """What executors that share the shards need of each other."""
        if not self.executor.sharding.cooperative:
            return self
        if self.api.advertise_url is None and self.api.host in {"0.0.0.0", "::"}:  # noqa: S104 - it is looked for
            raise ValueError(
                "api.advertise_url: executor.sharding.cooperative needs the URL at which the other executors reach this"
                f" one, which api.host {self.api.host} does not tell"
            )
        if not self.executor.queue.enable_metrics:
            raise ValueError(
                "executor.queue.enable_metrics: executor.sharding.cooperative needs it to show the queues of the other"
                " executors"
            )
        return self

    def queue_policies(self) -> dict[str, QueuePolicy]:
        """The file's policies by action.

        Raises:
            PolicyError: a key is out of its range; the message begins with its place in the file.
        """
        queue = self.executor.queue
        return {ref: action.policy(ref, queue) for ref, action in self.policies.actions.items()}

    def emergency(self) -> Emergency | None:
        """What is relaxed and closed now; None outside of an emergency.

        Raises:
            PolicyError: a key is out of its range, in an emergency or not.
        """
        try:
            emergency = self.executor.emergency.emergency()
        except PolicyError as error:
            raise PolicyError(f"executor.{error}") from error
        return emergency if self.executor.emergency_mode else None


def unknown_variables(known_sections: frozenset[str]) -> list[str]:
    """Environment variables that look like settings and belong to no section; a misspelling is not to be ignored."""
    known = known_sections | {SHORT_RATE_LIMITS}
    return sorted(
        name
        for name in os.environ
        if name.upper().startswith(ENVIRONMENT_PREFIX)
        and name.upper().removeprefix(ENVIRONMENT_PREFIX).split("__")[0].lower() not in known
    )
