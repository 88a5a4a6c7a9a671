"""What the program says of a configuration that cannot work."""

import os

import pytest
from typer.testing import CliRunner

from attune_operator.main import app


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("ATTUNE__")]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "database is required: set it in the configuration file or as ATTUNE__DATABASE"),
        ({"ATTUNE__DATABAS__URL": "x"}, "ATTUNE__DATABAS__URL: no such setting"),
        ({"ATTUNE__OPERATOR__LEASE": "x"}, "operator.lease is not a setting: did you mean lease_name?"),
        ({"ATTUNE__OPERATOR__HEALTH_PORT": "many"}, "operator.health_port"),
        ({"ATTUNE__DATABASE__URL": "mysql://attune:hunter2@localhost/"}, "not a PostgreSQL URL"),
    ],
)
def test_a_wrong_configuration_is_refused_in_words(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], environment: dict[str, str], said: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    result = CliRunner().invoke(app, ["run"])

    output = result.output + capfd.readouterr().err
    assert result.exit_code == 2
    assert said in output
    assert "hunter2" not in output
