"""What the settings of the database and of the broker have in common: a URL, files of credentials, TLS."""

import ssl
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from attune_executor.credentials import CredentialsError, read_secret, with_password
from attune_executor.sections import Section


class ClientTlsSettings(Section):
    """``database.tls`` and ``message_queue.tls``; the files are read again for every connection.

    Attributes:
        ca_file: certificates of the authorities that the server's is checked by; unless set, those of the system.
        certificate_file: this program's own certificate, where the server asks for one.
        key_file: its private key.
    """

    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None

    @model_validator(mode="after")
    def _together(self) -> Self:
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file belong together: set both")
        return self

    @property
    def trust(self) -> str:
        """The file of authorities in force."""
        systems = ssl.get_default_verify_paths()
        return str(self.ca_file or systems.cafile or systems.openssl_cafile)


class ConnectionSettings(Section, ABC):
    """A server.

    Attributes:
        url_file: a file that the URL is in, instead of ``url``.
        password_file: a file that the password is in, instead of the URL. Files are read again for every connection.
        tls: set to speak TLS.
        url: where the server is, and the credentials unless a file has them; never shown.
    """

    url_file: Path | None = None
    password_file: Path | None = None
    tls: ClientTlsSettings | None = None
    # Last, so that the fields above are known when it is found missing.
    url: Annotated[SecretStr | None, Field(validate_default=True)] = None

    @field_validator("url")
    @classmethod
    def _known_in_one_way(cls, url: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        elsewhere = info.data.get("url_file") is not None
        if url is None and not elsewhere:
            raise PydanticCustomError("missing", "Field required")
        if url is not None and elsewhere:
            raise ValueError("url and url_file are both set: leave one of them out")
        if url is not None and (flaw := cls.flaw(url)):
            raise ValueError(flaw)
        return url

    def connection_url(self) -> str:
        """The URL to connect with now, credentials and options included.

        Raises:
            CredentialsError: a file cannot be read, or has no URL in it.
        """
        if self.url is not None:
            url = self.url
        else:
            assert self.url_file is not None  # noqa: S101 - what the validation above says, for the type checker
            url = SecretStr(read_secret(self.url_file, "url_file"))
            if flaw := self.flaw(url):
                raise CredentialsError(f"url_file: {self.url_file} has {flaw}")
        text = url.get_secret_value()
        if self.password_file is not None:
            text = with_password(text, read_secret(self.password_file, "password_file"))
        return self.with_connection_options(text)

    @classmethod
    @abstractmethod
    def flaw(cls, url: SecretStr) -> str | None:
        """What is wrong with a URL, without saying any of it; None: nothing."""

    @abstractmethod
    def with_connection_options(self, url: str) -> str:
        """The URL with what the other settings say, as its server's library understands it."""
