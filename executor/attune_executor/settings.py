"""What an SRE sets for the executor: the runbook's configuration file, and ``ATTUNE__SECTION__KEY`` over it.

Read when asked, never at import: a test or another program may set things first.
"""

import os
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import Field, SecretStr, StringConstraints, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from attune_executor.amqp.settings import MessageQueueSettings
from attune_executor.configuration import ConfigurationError
from attune_executor.connection_settings import ConnectionSettings
from attune_executor.credentials import with_options
from attune_executor.domain.emergency import Emergency
from attune_executor.domain.errors import PolicyError
from attune_executor.domain.maintenance import DEFAULT_EXECUTION_RETENTION_DAYS
from attune_executor.domain.policy import QueuePolicy
from attune_executor.domain.sharding import MOST_SHARDS
from attune_executor.observability import LogSettings
from attune_executor.policy_settings import EmergencySettings, PolicySettings, QueueSettings
from attune_executor.sections import Number, Section, Whole, has_address, is_loopback
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
    """

    execution_retention_days: Annotated[Whole, Field(ge=0, le=36_500)] = DEFAULT_EXECUTION_RETENTION_DAYS


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


class GlobalRateLimit(Section):
    """``api.rate_limits.global``: how many submitting requests are taken, of all callers together.

    Attributes:
        enabled: whether it is in force; unless set, it is once a rate is written.
        max_requests_per_minute: requests that may come at once, and that are taken in a minute afterwards.
    """

    enabled: bool | None = None
    max_requests_per_minute: Annotated[Whole, Field(ge=1)] = 1000

    @property
    def per_minute(self) -> int | None:
        """The rate in force; None: no limit."""
        enabled = "max_requests_per_minute" in self.model_fields_set if self.enabled is None else self.enabled
        return self.max_requests_per_minute if enabled else None


class RateLimits(Section):
    """``api.rate_limits``."""

    every_caller: Annotated[GlobalRateLimit, Field(alias="global")] = GlobalRateLimit()


class ApiTlsSettings(Section):
    """``api.tls``: set to serve HTTPS. The files are read again when they change.

    Attributes:
        certificate_file: this server's certificate, followed by those in between it and its authority.
        key_file: its private key.
        ca_file: authorities of the other executors that share the shards; unless set, those of the system.
    """

    certificate_file: Path
    key_file: Path
    ca_file: Path | None = None


class ApiSettings(Section):
    """``api``.

    Attributes:
        host: address to listen on; another than this machine's own needs ``tokens_file``.
        port: port to listen on.
        max_body_bytes: a larger request body is answered 413.
        max_batch: executions that one request may submit.
        turn_stall_seconds: ``/livez`` fails when the last turn is older.
        rate_limits: requests beyond which the next is answered 429.
        tokens_file: who may call, outside of a cluster; without it everybody on this machine may.
        tls: set to serve HTTPS.
        advertise_url: where the other executors reach this one; by default its host and port.
    """

    host: str = "127.0.0.1"
    port: Annotated[Whole, Field(ge=1, le=65535)] = 8080
    max_body_bytes: Annotated[Whole, Field(ge=1024)] = 1024 * 1024
    max_batch: Annotated[Whole, Field(ge=1)] = 1000
    turn_stall_seconds: Annotated[Number, Field(gt=0)] = 60
    rate_limits: RateLimits = RateLimits()
    tokens_file: Path | None = None
    tls: ApiTlsSettings | None = None
    advertise_url: Annotated[str, StringConstraints(pattern=r"^https?://[^/?#]+/?$")] | None = None

    def refuse_strangers(self) -> None:
        """For a program that has no other means than this section to know its callers.

        Raises:
            ConfigurationError: more than this machine could reach the API, and nobody would be asked for a token.
        """
        if self.tokens_file is None and not is_loopback(self.host):
            raise ConfigurationError(
                f"api.tokens_file: api.host {self.host} lets other machines call, which needs tokens: write a file of"
                " them, or listen on 127.0.0.1"
            )

    @property
    def peers_url(self) -> str:
        """Where the other executors reach this one, without a slash at the end."""
        if self.advertise_url is not None:
            return self.advertise_url.rstrip("/")
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'http' if self.tls is None else 'https'}://{host}:{self.port}"


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
