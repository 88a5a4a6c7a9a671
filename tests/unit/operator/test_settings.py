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


@pytest.mark.usefixtures("connections")
@pytest.mark.parametrize(
    ("listed", "watched"),
    [
        (None, ("queues",)),
        ('["team-a", "team-b", "team-a"]', ("team-a", "team-b")),
        ("[]", (None,)),
        ('["*"]', (None,)),
    ],
)
def test_the_namespaces_to_watch(
    monkeypatch: pytest.MonkeyPatch, listed: str | None, watched: tuple[str | None, ...]
) -> None:
    monkeypatch.setenv("ATTUNE__OPERATOR__NAMESPACE", "queues")
    if listed is not None:
        monkeypatch.setenv("ATTUNE__OPERATOR__WATCH__NAMESPACES", listed)

    assert ProgramSettings.load().operator.watched == watched


@pytest.mark.usefixtures("connections")
@pytest.mark.parametrize(
    ("listed", "message"),
    [('["team-*"]', "patterns are not supported"), ('["*", "team-a"]', "name either that or namespaces")],
)
def test_what_is_no_list_of_namespaces_is_refused(monkeypatch: pytest.MonkeyPatch, listed: str, message: str) -> None:
    monkeypatch.setenv("ATTUNE__OPERATOR__WATCH__NAMESPACES", listed)

    with pytest.raises(ValidationError, match=message):
        ProgramSettings.load()
