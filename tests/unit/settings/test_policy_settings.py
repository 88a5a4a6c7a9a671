"""Policies of the configuration file: every field, its default, its variable, and what is said about mistakes."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from attune_executor.configuration import ConfigurationError, describe
from attune_executor.domain.emergency import Emergency
from attune_executor.domain.errors import PolicyError
from attune_executor.domain.policy import Admission, QueuePolicy, RateLimit, RetryPolicy, WorkerLost
from attune_executor.settings import Settings

EVERY_KEY: dict[str, Any] = {
    "concurrency_limit": 3,
    "max_queue_length": 7,
    "queue_timeout_seconds": 60,
    "execution_timeout_seconds": 1.5,
    "group_by": ["tenant", "region"],
    "rate_limit": {"max_executions": 100, "window_seconds": 60},
    "priority": 2,
    "tags": ["batch", "low-priority"],
    "admission": "hold",
    "retry": {"max_attempts": 4, "delay_seconds": 2, "worker_lost": "fail"},
    "pool": "web",
}
EVERY_FIELD = QueuePolicy(
    concurrency=3,
    max_queue_length=7,
    queue_timeout_seconds=60,
    execution_timeout_seconds=1.5,
    group_by=("tenant", "region"),
    rate_limit=RateLimit(100, 60),
    priority=2,
    tags=("batch", "low-priority"),
    admission=Admission.HOLD,
    retry=RetryPolicy(4, 2, WorkerLost.FAIL),
    pool="web",
)


def add(file: Path, sections: dict[str, Any]) -> None:
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), **sections}))


def declare(file: Path, actions: dict[str, Any]) -> None:
    add(file, {"policies": {"actions": actions}})


def complaint(file: Path) -> str:
    with pytest.raises((ValidationError, ConfigurationError, PolicyError)) as refusal:
        Settings.load(file).queue_policies()
    error = refusal.value
    return describe(error, Settings) if isinstance(error, ValidationError) else str(error)


def test_every_key_of_an_action(file: Path) -> None:
    declare(file, {"core.echo": EVERY_KEY})
    assert Settings.load(file).queue_policies() == {"core.echo": EVERY_FIELD}


def test_the_defaults_are_the_domains(file: Path) -> None:
    declare(file, {"core.echo": {"concurrency_limit": 3}})
    assert Settings.load(file).queue_policies() == {"core.echo": QueuePolicy(concurrency=3)}


def flattened(keys: dict[str, Any], prefix: str) -> dict[str, str]:
    variables: dict[str, str] = {}
    for key, value in keys.items():
        if isinstance(value, dict):
            variables |= flattened(value, f"{prefix}{key.upper()}__")  # pyright: ignore[reportUnknownArgumentType] - of EVERY_KEY
        else:
            variables[f"{prefix}{key.upper()}"] = json.dumps(value) if isinstance(value, list) else str(value)
    return variables


def test_a_variable_for_every_key_of_an_action(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    declare(
        file, {"Core.HTTP-get": {"concurrency_limit": 99, "tags": ["from-the-file"]}, "other": {"concurrency_limit": 1}}
    )
    for name, value in flattened(EVERY_KEY, "ATTUNE__POLICIES__ACTIONS__CORE_HTTP_GET__").items():
        monkeypatch.setenv(name, value)
    assert Settings.load(file).queue_policies() == {"Core.HTTP-get": EVERY_FIELD, "other": QueuePolicy(concurrency=1)}


def test_one_variable_for_all_policies(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    declare(file, {"other": {"concurrency_limit": 1}})
    monkeypatch.setenv("ATTUNE__POLICIES__ACTIONS", json.dumps({"core.echo": EVERY_KEY}))
    assert Settings.load(file).queue_policies() == {"core.echo": EVERY_FIELD, "other": QueuePolicy(concurrency=1)}


def test_a_timeout_is_the_queues_unless_the_action_has_its_own(file: Path) -> None:
    add(file, {"executor": {"queue": {"queue_timeout_seconds": 120}}})
    declare(
        file,
        {
            "inherits": {"concurrency_limit": 1},
            "its.own": {"concurrency_limit": 1, "queue_timeout_seconds": 5},
            "never": {"concurrency_limit": 1, "queue_timeout_seconds": None},
        },
    )
    timeouts = {ref: policy.queue_timeout_seconds for ref, policy in Settings.load(file).queue_policies().items()}
    assert timeouts == {"inherits": 120, "its.own": 5, "never": None}


def test_null_in_a_variable(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    declare(file, {"core.echo": {"concurrency_limit": 1}})
    monkeypatch.setenv("ATTUNE__EXECUTOR__QUEUE__QUEUE_TIMEOUT_SECONDS", "null")
    assert Settings.load(file).queue_policies()["core.echo"].queue_timeout_seconds is None


def test_emergency_mode(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.load(file).emergency() is None
    monkeypatch.setenv("ATTUNE__EXECUTOR__EMERGENCY_MODE", "true")
    assert Settings.load(file).emergency() == Emergency()
    monkeypatch.setenv("ATTUNE__EXECUTOR__EMERGENCY__MAX_QUEUE_LENGTH", "9")
    monkeypatch.setenv("ATTUNE__EXECUTOR__EMERGENCY__CLOSE_BELOW_PRIORITY", "5")
    monkeypatch.setenv("ATTUNE__EXECUTOR__EMERGENCY__CLOSE_TAGS", '["low-priority"]')
    assert Settings.load(file).emergency() == Emergency(9, 5, frozenset({"low-priority"}))


def test_an_emergency_out_of_range_is_named_before_it_is_needed(file: Path) -> None:
    add(file, {"executor": {"emergency": {"close_below_priority": 12}}})
    with pytest.raises(PolicyError, match=r"executor\.emergency\.close_below_priority is 12: set it from 0 to 11"):
        Settings.load(file).emergency()


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"concurrency_limit": 0}, "concurrency_limit: Input should be greater than or equal to 1"),
        ({"concurrency_limit": "many"}, "concurrency_limit: Input should be a valid integer"),
        ({"concurrency_limit": True}, "concurrency_limit: is yes or no: write a number"),
        ({"priority": 11}, "priority is 11: set it from 0 to 10"),
        ({"group_by": ["a", "a"]}, "group_by is ['a', 'a']: name each parameter once"),
        ({"group_by": "tenant"}, "group_by: write a list"),
        ({"pool": "No Pool"}, "pool is 'No Pool': use 1 to 63"),
        ({"admission": "ajar"}, "admission: Input should be 'Open', 'Hold' or 'Closed'"),
        ({"rate_limit": {"max_executions": 1}}, "rate_limit.window_seconds is required: set it in the configuration"),
        ({"rate_limit": {"window": 1}}, "rate_limit.window is not a setting: did you mean window_seconds?"),
        ({"retry": {"max_atempts": 2}}, "retry.max_atempts is not a setting: did you mean max_attempts?"),
        ({"retry": 3}, "retry: write its keys under it"),
        ({"retry": {"max_attempts": 0}}, "retry.max_attempts: Input should be greater than or equal to 1"),
        ({"queue_timeout_seconds": 0}, "queue_timeout_seconds: Input should be greater than 0"),
        ({"concurency_limit": 2}, "concurency_limit is not a setting: did you mean concurrency_limit?"),
    ],
)
def test_a_mistake_is_named_with_its_place(file: Path, keys: dict[str, Any], says: str) -> None:
    declare(file, {"core.echo": {"concurrency_limit": 1, **keys}})
    assert f"policies.actions.core.echo.{says}" in complaint(file)


def test_what_is_missing_is_named_with_a_variable_that_a_shell_takes(file: Path) -> None:
    declare(file, {"core.echo": None})
    assert "or as ATTUNE__POLICIES__ACTIONS__CORE_ECHO__CONCURRENCY_LIMIT" in complaint(file)


def test_a_variable_of_an_action_that_is_nowhere_declared(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    declare(file, {"core.echo": {"concurrency_limit": 1}})
    monkeypatch.setenv("ATTUNE__POLICIES__ACTIONS__CORE_ECO__CONCURRENCY_LIMIT", "2")
    assert "CORE_ECO__CONCURRENCY_LIMIT: no action of the configuration file is written so" in complaint(file)


def test_a_variable_that_two_actions_could_mean(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    declare(file, {"core.echo": {"concurrency_limit": 1}, "core-echo": {"concurrency_limit": 1}})
    monkeypatch.setenv("ATTUNE__POLICIES__ACTIONS__CORE_ECHO__CONCURRENCY_LIMIT", "2")
    assert "core-echo and core.echo are both written so in a variable: set it in the file" in complaint(file)


@pytest.mark.parametrize("value", ["low-priority", "[low-priority]"])
def test_a_list_in_a_variable_that_is_not_json(file: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("ATTUNE__EXECUTOR__EMERGENCY__CLOSE_TAGS", value)
    said = complaint(file)
    assert "ATTUNE__EXECUTOR__EMERGENCY__CLOSE_TAGS" in said
    assert "JSON" in said
