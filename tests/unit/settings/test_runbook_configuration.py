"""Every configuration in the runbook loads as written there, over a configuration that runs, and means what it says."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from attune_executor.domain.emergency import Emergency
from attune_executor.settings import Settings

RUNBOOK = Path(__file__).with_name("runbook_configuration.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"^```yaml\n(.*?)^```$", RUNBOOK, re.DOTALL | re.MULTILINE)

BASE: dict[str, Any] = {
    "executor": {"queue": {"max_queue_length": 10_000, "queue_timeout_seconds": 900}},
    "api": {"port": 8081},
    "policies": {
        "actions": {"affected.action": {"concurrency_limit": 5, "priority": 7}, "other": {"concurrency_limit": 1}}
    },
}


def queue_length(settings: Settings) -> int:
    return settings.queue_policies()["affected.action"].max_queue_length


def concurrency(settings: Settings) -> int:
    return settings.queue_policies()["affected.action"].concurrency


def rate(settings: Settings) -> int | None:
    return settings.api.rate_limits.every_caller.per_minute


MEANINGS: list[Callable[[Settings], bool]] = [
    lambda after: concurrency(after) == 10,
    lambda after: rate(after) == 1000,
    lambda after: queue_length(after) == 20_000,
    lambda after: queue_length(after) == 20_000,
    lambda after: concurrency(after) == 20,
    lambda after: after.emergency() == Emergency() and queue_length(after) == 50_000,
    lambda after: rate(after) == 500,
    lambda after: queue_length(after) == 1000 and not after.executor.queue.enable_metrics,
]


def edited(base: dict[str, Any], edit: dict[str, Any]) -> dict[str, Any]:
    """The base with the snippet's keys written into it, as an editor would."""
    return {
        **base,
        **{
            key: edited(base[key], value) if isinstance(base.get(key), dict) else value  # pyright: ignore[reportUnknownArgumentType] - parsed YAML
            for key, value in edit.items()
        },
    }


@pytest.mark.parametrize(("snippet", "means"), [*zip(SNIPPETS, MEANINGS, strict=True)])
def test_a_snippet_of_the_runbook(file: Path, snippet: str, means: Callable[[Settings], bool]) -> None:
    running = edited(yaml.safe_load(file.read_text()), BASE)
    file.write_text(yaml.safe_dump(running))
    before = Settings.load(file)
    assert not means(before)
    file.write_text(yaml.safe_dump(edited(running, yaml.safe_load(snippet))))
    after = Settings.load(file)
    assert means(after)
    assert after.api.port == 8081
    assert after.queue_policies()["affected.action"].priority == 7
    assert after.queue_policies()["other"].queue_timeout_seconds == 900


def test_the_variable_of_the_runbook(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (exported,) = re.findall(r"^export (\w+)=(\w+)$", RUNBOOK, re.MULTILINE)
    assert Settings.load(file).executor.queue.enable_metrics
    monkeypatch.setenv(*exported)
    assert not Settings.load(file).executor.queue.enable_metrics
