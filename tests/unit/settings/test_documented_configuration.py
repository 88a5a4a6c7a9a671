"""The how-to for running without Kubernetes: the variable of an action means what it says."""

import re
from pathlib import Path

import pytest

from attune_executor.settings import Settings

HOW_TO = (Path(__file__).parents[3] / "docs" / "how-to" / "standalone.md").read_text(encoding="utf-8")
FILES = re.findall(r"^```yaml\n(.*?)^```$", HOW_TO, re.DOTALL | re.MULTILINE)
VARIABLES = re.findall(r"\b(ATTUNE__\w+)=(\S+?)[`\n]", HOW_TO)


def test_the_variable_of_an_action(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (variable,) = [(name, value) for name, value in VARIABLES if "__POLICIES__" in name]
    file.write_text(FILES[-1])
    assert Settings.load(file).queue_policies()["core.http.get"].concurrency == 20
    monkeypatch.setenv(*variable)
    assert Settings.load(file).queue_policies()["core.http.get"].concurrency == 30
