"""What an SRE sets for the API: where it listens, who may call, how much at a time."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints

from attune_executor.configuration import ConfigurationError
from attune_executor.sections import Number, Section, Whole, is_loopback


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
