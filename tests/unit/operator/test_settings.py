"""The operator's section of the configuration."""

import pytest
from pydantic import ValidationError

from attune_executor.domain.emergency import Emergency
from attune_executor.domain.maintenance import MaintenanceRules
from attune_operator.resources import ExecutorRules, QueueDefaults
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
def test_the_runbooks_keys_hold_where_there_is_no_executor_config(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "EXECUTOR__EMERGENCY_MODE": "true",
        "EXECUTOR__QUEUE__MAX_QUEUE_LENGTH": "20000",
        "EXECUTOR__QUEUE__QUEUE_TIMEOUT_SECONDS": "60",
        "EXECUTOR__QUEUE__ENABLE_METRICS": "false",
        "EXECUTOR__MAINTENANCE__EXECUTION_RETENTION_DAYS": "7",
        "API__RATE_LIMITS__GLOBAL__MAX_REQUESTS_PER_MINUTE": "500",
    }.items():
        monkeypatch.setenv(f"ATTUNE__{name}", value)

    assert ProgramSettings.load().executor_rules() == ExecutorRules(
        queue=QueueDefaults(20_000, 60),
        emergency=Emergency(),
        requests_per_minute=500,
        maintenance=MaintenanceRules(snapshots=False, execution_retention_days=7),
    )


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
