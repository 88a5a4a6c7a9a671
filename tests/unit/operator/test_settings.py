"""The operator's section of the configuration."""

import pytest
from pydantic import ValidationError

from attune_operator.settings import ProgramSettings


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTUNE__DATABASE__URL", "postgresql://attune:secret@localhost/attune")
    monkeypatch.setenv("ATTUNE__MESSAGE_QUEUE__URL", "amqp://attune:secret@localhost/")


@pytest.mark.usefixtures("connections")
def test_the_environment_names_namespace_and_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTUNE__OPERATOR__NAMESPACE", "queues")
    monkeypatch.setenv("ATTUNE__OPERATOR__POD_NAME", "attune-operator-1")

    settings = ProgramSettings.load().operator

    assert (settings.namespace, settings.identity) == ("queues", "attune-operator-1")


@pytest.mark.usefixtures("connections")
def test_an_unknown_key_is_an_error_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTUNE__OPERATOR__NAMESPAC", "queues")

    with pytest.raises(ValidationError, match="namespac"):
        ProgramSettings.load()


@pytest.mark.usefixtures("connections")
def test_a_deadline_beyond_the_lease_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTUNE__OPERATOR__RENEW_DEADLINE_SECONDS", "30")

    with pytest.raises(ValidationError, match="renew_deadline_seconds must be below lease_duration_seconds"):
        ProgramSettings.load()
