"""What becomes of finished executions, from the configuration."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from attune_executor.settings import Settings


def retaining(file: Path, days: str) -> Settings:
    file.write_text(f"{file.read_text()}\nexecutor:\n  maintenance:\n    execution_retention_days: {days}\n")
    return Settings.load(file)


def test_thirty_days_unless_said_otherwise(file: Path) -> None:
    assert Settings.load(file).executor.maintenance.execution_retention_days == 30


@pytest.mark.parametrize("days", [0, 1, 36_500])
def test_days_are_taken(file: Path, days: int) -> None:
    assert retaining(file, str(days)).executor.maintenance.execution_retention_days == days


@pytest.mark.parametrize("days", ["-1", "36501", "1.5", "for ever", "yes"])
def test_what_is_no_number_of_days_is_named(file: Path, days: str) -> None:
    with pytest.raises(ValidationError, match="execution_retention_days"):
        retaining(file, days)


def test_the_variable(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTUNE__EXECUTOR__MAINTENANCE__EXECUTION_RETENTION_DAYS", "0")
    assert Settings.load(file).executor.maintenance.execution_retention_days == 0
