"""Where the broker is: the settings that executor and worker share."""

from enum import StrEnum
from typing import Final, Self
from urllib.parse import urlsplit

from pydantic import SecretStr, model_validator

from attune_executor.amqp.topology import QueueType
from attune_executor.connection_settings import ConnectionSettings
from attune_executor.credentials import with_options
from attune_executor.sections import has_address

_SCHEMES: Final = frozenset({"amqp", "amqps"})


class SaslMechanism(StrEnum):
    """How to log in at the broker."""

    PLAIN = "PLAIN"
    """By user and password."""
    EXTERNAL = "EXTERNAL"
    """By this program's certificate."""


class MessageQueueSettings(ConnectionSettings):
    """``message_queue``; default virtual host: ``/``. TLS is spoken where the URL is of ``amqps``.

    Attributes:
        queue_type: what every queue at the broker is declared as; quorum where the broker is a cluster.
        sasl_mechanism: how to log in: PLAIN by password, EXTERNAL by the certificate of `tls.certificate_file`.
    """

    queue_type: QueueType = QueueType.CLASSIC
    sasl_mechanism: SaslMechanism = SaslMechanism.PLAIN

    @model_validator(mode="after")
    def _has_a_certificate(self) -> Self:
        if self.sasl_mechanism is SaslMechanism.EXTERNAL and (self.tls is None or self.tls.certificate_file is None):
            raise ValueError("sasl_mechanism: EXTERNAL logs in by a certificate: set tls.certificate_file")
        if self.tls is not None and self.url is not None and urlsplit(self.url.get_secret_value()).scheme == "amqp":
            raise ValueError("tls: the URL of a broker that speaks TLS begins with amqps://")
        return self

    @classmethod
    def flaw(cls, url: SecretStr) -> str | None:
        """No AMQP URL, where it is none."""
        if has_address(url, _SCHEMES) and urlsplit(url.get_secret_value()).hostname:
            return None
        return (
            "not an AMQP URL: write amqp://USER:PASSWORD@HOST:5672/VHOST, or amqps:// for TLS, with what is neither"
            " letter nor digit in the password as %XX"
        )

    def with_connection_options(self, url: str) -> str:
        """As aiormq understands it."""
        options: dict[str, str] = {}
        if self.sasl_mechanism is SaslMechanism.EXTERNAL:
            options["auth"] = self.sasl_mechanism.lower()
        if self.tls is not None:
            options["cafile"] = self.tls.trust
            if self.tls.certificate_file is not None:
                options |= {"certfile": str(self.tls.certificate_file), "keyfile": str(self.tls.key_file)}
        return with_options(url, options)
