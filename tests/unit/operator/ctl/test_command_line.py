"""The command line itself: exit codes, messages, documents, completion."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from attune_executor.cli import app as executor_app
from attune_executor.domain.policy import Admission
from attune_operator.ctl.admission import must_change
from attune_operator.ctl.errors import EXIT_UNREACHABLE, EXIT_USAGE, CtlError, NotFoundError, UsageError
from attune_operator.ctl.main import app, complete_for_kubectl
from attune_operator.ctl.nagios import State
from attune_operator.ctl.resources import chosen
from attune_operator.main import app as operator_app
from attune_operator.resources import ActionQueuePolicy

MakePolicy = Callable[..., ActionQueuePolicy]
HOW_TO = (Path(__file__).parents[4] / "docs" / "how-to" / "kubectl-attune.md").read_text(encoding="utf-8")
COMMANDS = {
    "status",
    "top",
    "dashboard",
    "check",
    "capacity",
    "submit",
    "list",
    "get",
    "cancel",
    "pause",
    "resume",
    "emergency",
    "throughput",
    "maintenance",
    "growth",
    "report",
    "incident",
    "doctor",
    "stuck",
    "complete",
    "purge",
}
EXAMPLE = ["capacity", "--peak", "10000", "--duration", "5", "--slots", "10"]


@pytest.fixture
def no_cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A kubeconfig that is not there."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "missing"))
    monkeypatch.setattr("kubernetes.aio.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "missing"))


def test_capacity_needs_no_cluster() -> None:
    assert "→ 3 workers recommended" in CliRunner().invoke(app, EXAMPLE).output
    for output, read in (("json", json.loads), ("yaml", yaml.safe_load)):
        assert read(CliRunner().invoke(app, [*EXAMPLE, "-o", output]).output)["recommended"] == 3


def test_capacity_without_numbers_says_what_to_give() -> None:
    result = CliRunner().invoke(app, ["capacity", "--peak", "1"])
    assert result.exit_code == EXIT_USAGE
    assert "--peak, --duration and --slots" in result.stderr


@pytest.mark.usefixtures("no_cluster")
def test_without_a_cluster_commands_end_in_one_line() -> None:
    for command in (["status"], ["get", "1"], ["pause", "echo"], ["emergency", "on"], ["maintenance"], ["throughput"]):
        result = CliRunner().invoke(app, command)
        assert result.exit_code == EXIT_UNREACHABLE, result.output
        assert result.stderr.startswith("attune: the kubeconfig cannot be used")
        assert result.stderr.count("\n") == 1


@pytest.mark.usefixtures("no_cluster")
def test_a_check_without_a_cluster_is_unknown_to_nagios() -> None:
    result = CliRunner().invoke(app, ["check"])
    assert result.exit_code == State.UNKNOWN
    assert result.stdout.startswith("UNKNOWN: ")


@pytest.mark.parametrize("words", [["--bogus"], ["--warning", "many"], ["--critical=-1"]])
def test_a_check_whose_command_line_is_wrong_is_unknown_and_not_critical(words: list[str]) -> None:
    result = CliRunner().invoke(app, ["check", *words])
    assert result.exit_code == State.UNKNOWN
    assert result.stdout.startswith("UNKNOWN: ")
    assert result.stdout.count("\n") == 1


def test_completing_without_force_says_what_that_would_do_and_does_nothing() -> None:
    result = CliRunner().invoke(app, ["complete", "7", "8"])
    assert result.exit_code == EXIT_USAGE
    assert "attune cancel 7 8" in result.stderr
    assert "attune complete --force 7 8" in result.stderr


def test_every_program_tells_its_version() -> None:
    programs = {"attune": app, "attune-executor": executor_app, "attune-operator": operator_app}
    for name, program in programs.items():
        assert re.fullmatch(rf"{name} \d+\.\d+\.\d+\S*\n", CliRunner().invoke(program, ["--version"]).output)


def test_every_command_explains_itself() -> None:
    for command in COMMANDS:
        assert CliRunner().invoke(app, [command, "--help"]).exit_code == 0


def documented() -> list[list[str]]:
    """The command lines of the how-to, without the program's name."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", HOW_TO, re.DOTALL | re.MULTILINE)
    lines = [shlex.split(line, comments=True) for block in blocks for line in block.splitlines()]
    return [words[words.index("attune") + 1 :] for words in lines if words[:2] == ["kubectl", "attune"]] + [
        words[1:] for words in lines if words[:1] == ["attune"]
    ]


def test_the_how_to_shows_command_lines_that_exist() -> None:
    lines = documented()
    assert {words[0] for words in lines} == COMMANDS
    for words in lines:
        command = get_command(app)
        while isinstance(command, TyperGroup) and words:
            command = command.commands[words.pop(0)]
        command.make_context(command.name, words)


def test_kubectl_completes_commands(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(os, "environ", dict(os.environ))
    monkeypatch.setattr(sys, "argv", ["kubectl_complete-attune", "emergency", "o"])
    with pytest.raises(SystemExit):
        complete_for_kubectl()
    assert capsys.readouterr().out.split() == ["on", "off", ":4"]


def test_policies_are_chosen_by_their_own_name_or_their_actions(make_policy: MakePolicy) -> None:
    echo, twin = make_policy("echo"), make_policy("twin", metadata={"namespace": "other"})
    assert chosen([echo, twin], []) == [echo, twin]
    assert chosen([echo, twin], ["twin"]) == [twin]
    assert chosen([echo], ["core.echo"]) == [echo]
    with pytest.raises(NotFoundError, match="there are: echo"):
        chosen([echo], ["core.shell"])
    with pytest.raises(UsageError, match="attune-system/echo, other/twin"):
        chosen([echo, twin], ["core.echo"])


def test_pausing_never_opens_what_is_closed(make_policy: MakePolicy) -> None:
    assert must_change(make_policy(), Admission.HOLD)
    assert not must_change(make_policy(admission="Hold"), Admission.HOLD)
    for wanted in (Admission.HOLD, Admission.OPEN):
        with pytest.raises(CtlError, match="Closed"):
            must_change(make_policy(admission="Closed"), wanted)


def test_help_loads_neither_what_top_draws_with_nor_the_kubernetes_client() -> None:
    program = "import sys, attune_operator.ctl.main; sys.exit(not {'textual', 'kubernetes'}.isdisjoint(sys.modules))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0  # noqa: S603 - ours
