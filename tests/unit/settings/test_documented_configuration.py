"""The how-to for running without Kubernetes: its files load, it names every key, and its defaults are the program's."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from attune_executor.domain.emergency import Emergency
from attune_executor.domain.policy import QueuePolicy
from attune_executor.policy_settings import ActionSettings, RateLimitSettings, RetrySettings
from attune_executor.settings import Settings

HOW_TO = (Path(__file__).parents[3] / "docs" / "how-to" / "standalone.md").read_text(encoding="utf-8")
FILES = re.findall(r"^```yaml\n(.*?)^```$", HOW_TO, re.DOTALL | re.MULTILINE)
VARIABLES = re.findall(r"\b(ATTUNE__\w+)=(\S+?)[`\n]", HOW_TO)


@pytest.fixture
def complete(tmp_path: Path) -> Settings:
    (tmp_path / "config.yaml").write_text(FILES[-1])
    return Settings.load(tmp_path / "config.yaml")


@pytest.mark.parametrize("text", FILES)
def test_its_files_load(file: Path, text: str) -> None:
    connections = "" if "database:" in text else file.read_text()
    file.write_text(connections + text)
    assert Settings.load(file).queue_policies()


def paths(section: BaseModel, prefix: str = "") -> list[str]:
    """Every key of a section that is not an action."""
    found: list[str] = []
    for name, field in type(section).model_fields.items():
        value: Any = getattr(section, name)
        key = f"{prefix}{field.alias or name}"
        found += paths(value, f"{key}.") if isinstance(value, BaseModel) else [key]
    return found


def test_it_names_every_key(complete: Settings) -> None:
    unset = set(paths(complete)) - set(written(complete))
    assert unset == set()
    action = complete.policies.actions["core.http.get"]
    assert action.model_fields_set == ActionSettings.model_fields.keys()
    assert action.retry.model_fields_set == RetrySettings.model_fields.keys()
    assert action.rate_limit is not None
    assert action.rate_limit.model_fields_set == RateLimitSettings.model_fields.keys()


def written(section: BaseModel, prefix: str = "") -> list[str]:
    """The keys that the file sets."""
    found: list[str] = []
    for name, field in type(section).model_fields.items():
        value: Any = getattr(section, name)
        key = f"{prefix}{field.alias or name}"
        if name in section.model_fields_set:
            found += written(value, f"{key}.") if isinstance(value, BaseModel) else [key]
    return found


def test_its_values_are_the_defaults_where_it_does_not_say_otherwise(complete: Settings, file: Path) -> None:
    default = Settings.load(file)
    assert complete.executor == default.executor
    assert complete.log == default.log
    assert complete.message_queue.queue_type == default.message_queue.queue_type
    assert complete.api.model_copy(update={"rate_limits": default.api.rate_limits}) == default.api
    assert complete.executor.emergency.emergency() == Emergency()
    policy = complete.queue_policies()["core.http.get"]
    plain = QueuePolicy(concurrency=1)
    for name in ("priority", "admission", "retry", "pool"):
        assert getattr(policy, name) == getattr(plain, name)


def test_the_variable_of_an_action(complete: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (variable,) = [(name, value) for name, value in VARIABLES if "__POLICIES__" in name]
    monkeypatch.setenv(*variable)
    assert complete.queue_policies()["core.http.get"].concurrency == 20
    assert Settings.load(tmp_path / "config.yaml").queue_policies()["core.http.get"].concurrency == 30
