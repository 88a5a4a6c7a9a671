"""Connections: the URL or a file of it, passwords from files, TLS, and what of it the libraries are told."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from attune_executor.amqp.settings import MessageQueueSettings
from attune_executor.configuration import describe
from attune_executor.credentials import CredentialsError, with_password
from attune_executor.settings import DatabaseSettings

URL = "postgresql://attune@db:5432/attune"
BROKER = "amqps://attune:secret@mq/"


def complaint(kind: type[DatabaseSettings | MessageQueueSettings], **values: Any) -> str:
    with pytest.raises(ValidationError) as raised:
        kind(**values)
    return describe(raised.value, kind)


def test_a_file_of_the_url_is_read_for_every_connection(tmp_path: Path) -> None:
    file = tmp_path / "url"
    settings = DatabaseSettings(url_file=file)
    file.write_text(f"{URL}\n")
    assert settings.connection_url() == URL
    file.write_text(URL.replace("attune@", "other@"))
    assert settings.connection_url() == URL.replace("attune@", "other@")


def test_a_file_of_the_password_is_read_for_every_connection(tmp_path: Path) -> None:
    file = tmp_path / "password"
    settings = DatabaseSettings(url=URL, password_file=file)  # pyright: ignore[reportArgumentType] - validated from text
    for password, quoted in (("plain", "plain"), ("p@ss/w:rd %", "p%40ss%2Fw%3Ard%20%25")):
        file.write_text(f"{password}\n")
        assert settings.connection_url() == f"postgresql://attune:{quoted}@db:5432/attune"


def test_a_password_replaces_the_one_in_the_url_whatever_hosts_it_has() -> None:
    assert with_password("postgresql://a:old@one:1,two:2/x?y=z", "new") == "postgresql://a:new@one:1,two:2/x?y=z"


@pytest.mark.parametrize(("text", "reason"), [(None, "No such file"), ("", "is empty"), ("http://x", "not a Postgre")])
def test_a_file_that_cannot_be_used_is_named_and_not_shown(tmp_path: Path, text: str | None, reason: str) -> None:
    file = tmp_path / "url"
    if text is not None:
        file.write_text(text)
    with pytest.raises(CredentialsError, match=reason) as raised:
        DatabaseSettings(url_file=file).connection_url()
    assert str(file) in str(raised.value)
    assert "http://x" not in str(raised.value)


def test_the_url_is_known_in_exactly_one_way(tmp_path: Path) -> None:
    assert complaint(DatabaseSettings) == ("url is required: set it in the configuration file or as ATTUNE__URL")
    both = complaint(DatabaseSettings, url=URL, url_file=tmp_path / "url")
    assert both == "url: url and url_file are both set: leave one of them out"


def test_tls_to_the_database_checks_the_servers_name() -> None:
    tls = {"ca_file": "/ca.pem", "certificate_file": "/tls.crt", "key_file": "/tls.key"}
    settings = DatabaseSettings.model_validate({"url": URL, "tls": tls})
    options = "sslmode=verify-full&sslrootcert=/ca.pem&sslcert=/tls.crt&sslkey=/tls.key"
    assert settings.connection_url() == f"{URL}?{options}"
    own = DatabaseSettings.model_validate({"url": f"{URL}?sslmode=verify-ca", "tls": {"ca_file": "/ca.pem"}})
    assert own.connection_url() == f"{URL}?sslmode=verify-ca&sslrootcert=/ca.pem"
    systems = DatabaseSettings.model_validate({"url": URL, "tls": {}})
    assert "?sslmode=verify-full&sslrootcert=/" in systems.connection_url()


def test_tls_to_the_broker_and_logging_in_by_certificate() -> None:
    tls = {"ca_file": "/ca.pem", "certificate_file": "/tls.crt", "key_file": "/tls.key"}
    settings = MessageQueueSettings.model_validate({"url": BROKER, "tls": tls, "sasl_mechanism": "EXTERNAL"})
    options = "auth=external&cafile=/ca.pem&certfile=/tls.crt&keyfile=/tls.key"
    assert settings.connection_url() == f"{BROKER}?{options}"


def test_what_does_not_go_together() -> None:
    alone = complaint(DatabaseSettings, url=URL, tls={"certificate_file": "/tls.crt"})
    assert alone == "tls: certificate_file and key_file belong together: set both"
    plain = complaint(MessageQueueSettings, url="amqp://attune:secret@mq/", tls={})
    assert plain == ": tls: the URL of a broker that speaks TLS begins with amqps://"
    nameless = complaint(MessageQueueSettings, url=BROKER, sasl_mechanism="EXTERNAL")
    assert "set tls.certificate_file" in nameless
    assert "secret" not in plain + nameless
