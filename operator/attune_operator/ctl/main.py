"""`attune` and `kubectl attune`: the program."""

from collections.abc import Callable
from typing import Annotated

import typer

from attune_executor.program_version import version_option
from attune_operator.ctl.completing import complete
from attune_operator.ctl.completion import kubectl_complete
from attune_operator.ctl.dashboard.command import dashboard
from attune_operator.ctl.doctor.command import doctor
from attune_operator.ctl.emergency_commands import emergency
from attune_operator.ctl.execution_commands import cancel, get, submit
from attune_operator.ctl.incident.command import incident
from attune_operator.ctl.listing import list_command
from attune_operator.ctl.looking import capacity_command, check, status
from attune_operator.ctl.maintenance_commands import maintenance
from attune_operator.ctl.measuring import growth, throughput
from attune_operator.ctl.nagios import NagiosCommand
from attune_operator.ctl.pausing import pause, resume
from attune_operator.ctl.purging import purge
from attune_operator.ctl.reporting import report
from attune_operator.ctl.stuck_command import stuck
from attune_operator.ctl.top.command import top

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)


def _offer(heading: str, *commands: Callable[..., None]) -> None:
    for command in commands:
        app.command(rich_help_panel=heading)(command)


_offer("Look", status, top, dashboard)
_offer("Find out what is wrong", doctor, stuck, incident)
app.command(cls=NagiosCommand, rich_help_panel="Find out what is wrong")(check)
_offer("Measure and plan", throughput, growth, report)
app.command("capacity", rich_help_panel="Measure and plan")(capacity_command)
_offer("Executions", submit)
app.command("list", rich_help_panel="Executions")(list_command)
_offer("Executions", get, cancel, complete)
_offer("Queues", pause, resume, purge)
app.add_typer(emergency, name="emergency", rich_help_panel="Queues")
app.add_typer(maintenance, name="maintenance", rich_help_panel="Queues")


@app.callback()
def attune(version: Annotated[bool, version_option("attune", "attune-operator")] = False) -> None:
    """Attune's queues from the command line, with the credentials of your kubeconfig.

    Exit codes: 0 done; 1 refused, or an execution did not succeed; 2 the command line is wrong; 3 the Kubernetes API or
    the executor does not answer; 4 it did not happen in time. `check` has those of Nagios; `doctor`
    ends with 1 where it finds a fault.
    """
    del version


def main() -> None:
    """Entry point of `attune` and of `kubectl-attune`."""
    app()


def complete_for_kubectl() -> None:
    """Entry point of `kubectl_complete-attune`."""
    kubectl_complete(app)
