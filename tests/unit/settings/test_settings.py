"""The configuration file, the environment over it, and what is said about mistakes."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from attune_executor.amqp.topology import QueueType
from attune_executor.configuration import ConfigurationError, describe
from attune_executor.domain.policy import QueuePolicy
from attune_executor.settings import MigrationSettings, Settings, unknown_variables


def add(file: Path, text: str) -> None:
    file.write_text(file.read_text() + text)


def complaint(file: Path | None) -> str:
    with pytest.raises(ValidationError) as refusal:
        Settings.load(file)
    return describe(refusal.value, Settings)


def test_the_runbooks_defaults(file: Path) -> None:
    settings = Settings.load(file)
    assert settings.executor.queue.max_queue_length == 10_000
    assert settings.executor.queue.enable_metrics
    assert (settings.api.host, settings.api.port) == ("127.0.0.1", 8080)
    assert settings.message_queue.queue_type is QueueType.CLASSIC
    assert settings.queue_policies() == {}


def test_the_runbooks_keys(file: Path) -> None:
    add(
        file,
        """
executor:
  queue:
    max_queue_length: 20000
    enable_metrics: false
policies:
  actions:
    affected.action:
      concurrency_limit: 10 # Increase from 5
    core.http.get:
      concurrency_limit: 3
      max_queue_length: 7
      pool: web
""",
    )
    settings = Settings.load(file)
    assert not settings.executor.queue.enable_metrics
    assert settings.queue_policies() == {
        "affected.action": QueuePolicy(concurrency=10, max_queue_length=20_000),
        "core.http.get": QueuePolicy(concurrency=3, max_queue_length=7, pool="web"),
    }


def test_the_environment_wins_key_by_key(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(file, "executor: {queue: {max_queue_length: 5, enable_metrics: true}}\n")
    monkeypatch.setenv("ATTUNE__EXECUTOR__QUEUE__ENABLE_METRICS", "false")
    monkeypatch.setenv("ATTUNE__DATABASE__URL", "postgresql://other/attune")
    monkeypatch.setenv("ATTUNE__POLICIES__ACTIONS__core.http.get__CONCURRENCY_LIMIT", "4")
    settings = Settings.load(file)
    assert settings.executor.queue.max_queue_length == 5
    assert not settings.executor.queue.enable_metrics
    assert settings.database.connection_url() == "postgresql://other/attune"
    assert settings.queue_policies()["core.http.get"].concurrency == 4


def test_no_file_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTUNE__DATABASE__URL", "postgresql://db/attune")
    monkeypatch.setenv("ATTUNE__MESSAGE_QUEUE__URL", "amqp://mq/")
    assert Settings.load().api.port == 8080


def test_a_heading_with_nothing_under_it_is_a_section_of_defaults(file: Path) -> None:
    add(file, "executor:\n  queue:\n    # max_queue_length: 5\npolicies:\napi:\n")
    assert Settings.load(file).executor.queue.max_queue_length == 10_000


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "executor: {queue: {max_queue_lenght: 5}}",
            "executor.queue.max_queue_lenght is not a setting: did you mean max",
        ),
        ("exekutor: {}", "exekutor is not a setting: did you mean executor?"),
        ("zebra: 1", "zebra is not a setting: remove it"),
        ("executor: {queue: {max_queue_length: -1}}", "executor.queue.max_queue_length: Input should be greater than"),
        ("api: {port: 70000}", "api.port: Input should be less than or equal to 65535"),
        ("policies: {actions: {core.echo: {concurrency_limit: 0}}}", "policies.actions.core.echo.concurrency_limit"),
        ("policies: {actions: {core.echo: {}}}", "policies.actions.core.echo.concurrency_limit is required"),
        ("policies: {actions: {core.echo: {concurency_limit: 1}}}", "concurency_limit is not a setting"),
    ],
)
def test_mistakes_are_named(file: Path, text: str, says: str) -> None:
    add(file, text + "\n")
    assert says in complaint(file)


def test_what_is_missing_is_named_with_its_variable() -> None:
    said = complaint(None)
    assert "database is required" in said
    assert "message_queue is required" in said


def test_a_misspelt_variable_is_named(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTUNE__API__PROT", "8081")
    assert "api.prot is not a setting: did you mean port?" in complaint(file)
    monkeypatch.setenv("ATTUNE__APPI__PORT", "8081")
    assert unknown_variables(frozenset(Settings.model_fields)) == ["ATTUNE__APPI__PORT"]


@pytest.mark.parametrize(
    "text",
    [
        "api: {rate_limits: {global: {enabled: true, max_requests_per_minute: 7}}}",
        "rate_limits: {global: {enabled: true, max_requests_per_minute: 7}}",
        "rate_limits: {global: {max_requests_per_minute: 7}}",
        "rate_limits: {global: {enabled: true}}\napi: {rate_limits: {global: {max_requests_per_minute: 7}}}",
        "rate_limits: &same {global: {max_requests_per_minute: 7}}\napi: {rate_limits: *same}",
        "rate_limits: {global: {max_requests_per_minute: 7}}\napi:",
    ],
)
def test_the_rate_limit_in_both_of_the_runbooks_spellings(file: Path, text: str) -> None:
    assert Settings.load(file).api.rate_limits.every_caller.per_minute is None
    add(file, text)
    assert Settings.load(file).api.rate_limits.every_caller.per_minute == 7


def test_a_rate_limit_that_is_switched_off(file: Path) -> None:
    add(file, "rate_limits: {global: {enabled: false, max_requests_per_minute: 7}}")
    assert Settings.load(file).api.rate_limits.every_caller.per_minute is None


@pytest.mark.parametrize("name", ["ATTUNE__RATE_LIMITS__GLOBAL__ENABLED", "ATTUNE__API__RATE_LIMITS__GLOBAL__ENABLED"])
def test_the_rate_limits_variable_in_both_spellings(file: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    add(file, "rate_limits: {global: {max_requests_per_minute: 7}}")
    monkeypatch.setenv(name, "false")
    assert unknown_variables(frozenset(Settings.model_fields)) == []
    assert Settings.load(file).api.rate_limits.every_caller.per_minute is None


def test_spellings_that_contradict_each_other(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTUNE__RATE_LIMITS__GLOBAL__ENABLED", "false")
    monkeypatch.setenv("ATTUNE__API__RATE_LIMITS__GLOBAL__ENABLED", "true")
    with pytest.raises(ConfigurationError, match="ATTUNE__API__RATE_LIMITS__GLOBAL__ENABLED is set in two spellings"):
        Settings.load(file)
    monkeypatch.delenv("ATTUNE__RATE_LIMITS__GLOBAL__ENABLED")
    add(file, "rate_limits: {global: {enabled: true}}\napi: {rate_limits: {global: {enabled: false}}}")
    with pytest.raises(
        ConfigurationError, match=r"api\.rate_limits\.global\.enabled and rate_limits\.global\.enabled say"
    ):
        Settings.load(file)


def test_a_mistake_in_the_short_spelling_is_named(file: Path) -> None:
    add(file, "rate_limits: {global: {max_requests: 7}}")
    assert "api.rate_limits.global.max_requests is not a setting: did you mean max_requests_per_minute?" in complaint(
        file
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("executor: {}\napi: {}\nexecutor: {}", "executor stands twice, in lines 6 and 8"),
        ("executor: [", "is not YAML"),
    ],
)
def test_a_file_that_cannot_be_taken_at_its_word(file: Path, text: str, says: str) -> None:
    add(file, text)
    with pytest.raises(ConfigurationError, match=says) as refusal:
        Settings.load(file)
    assert str(file) in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("text", ["- executor", "executor", "7"])
def test_a_file_without_sections(file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(ConfigurationError, match="has no sections"):
        Settings.load(file)


def test_secrets_are_never_shown(file: Path) -> None:
    settings = Settings.load(file)
    assert "secret@" not in repr(settings) + str(settings) + settings.model_dump_json()
    file.write_text(file.read_text().replace("postgresql://", "mysql://").replace("amqp://", "http://"))
    said = complaint(file)
    assert "write postgresql://" in said
    assert "write amqp://" in said
    assert "secret" not in said


@pytest.mark.parametrize(
    "url",
    [
        "mysql://db/attune",
        "postgresql://attune:se/cret@db/attune",
        "postgresql://db:port/attune",
        "postgresql://[::1/attune",
        "db:5432",
        "",
    ],
)
def test_what_is_no_database_url(file: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("ATTUNE__DATABASE__URL", url)
    assert "database.url: not a PostgreSQL URL: write postgresql://" in complaint(file)


@pytest.mark.parametrize("url", ["amqp://", "amqp://mq:port/", "http://mq/", "amqp://attune:se/cret@mq/", "mq:5672"])
def test_what_is_no_broker_url(file: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("ATTUNE__MESSAGE_QUEUE__URL", url)
    assert "message_queue.url: not an AMQP URL: write amqp://" in complaint(file)


@pytest.mark.parametrize(
    "url",
    [
        "postgres://db/attune",
        "postgresql://attune:p%2Fw@db:5432/attune?sslmode=require",
        "postgresql://attune@one:5432,two:5432/attune",
        "postgresql://attune@[::1]:5432/attune",
        "postgresql:///attune?host=/var/run/postgresql",
    ],
)
def test_database_urls(file: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("ATTUNE__DATABASE__URL", url)
    assert Settings.load(file).database.connection_url() == url


def test_a_migration_needs_the_database_only(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("database: {url: 'postgresql://db/attune'}\nworkers: {}\n")
    assert MigrationSettings.load(path).database.connection_url() == "postgresql://db/attune"


def test_nothing_is_read_at_import(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.load(file).api.port == 8080
    monkeypatch.setenv("ATTUNE__API__PORT", "9090")
    assert Settings.load(file).api.port == 9090
