"""`attune` and `kubectl attune`: the program."""

import typer

from attune_operator.ctl.completing import complete
from attune_operator.ctl.completion import kubectl_complete
from attune_operator.ctl.dashboard.command import dashboard
from attune_operator.ctl.doctor.command import doctor
from attune_operator.ctl.emergency_commands import emergency
from attune_operator.ctl.execution_commands import cancel, get, submit
from attune_operator.ctl.incident.command import incident
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
for _look in (status, top, dashboard, stuck, throughput, growth, report, doctor):
    app.command()(_look)
for _command in (submit, get, cancel, complete, pause, resume, purge, incident):
    app.command()(_command)
app.command(cls=NagiosCommand)(check)
app.command("capacity")(capacity_command)
app.add_typer(emergency, name="emergency")
app.add_typer(maintenance, name="maintenance")


@app.callback()
def attune() -> None:
    """Attune's queues from the command line, with the credentials of your kubeconfig.

    Exit codes: 0 done; 1 refused, or an execution did not succeed; 2 the command line is wrong; 3 the Kubernetes API or
    the executor does not answer; 4 it did not happen in time. `check` has those of Nagios; `doctor`
    ends with 1 where it finds a fault.
    """


def main() -> None:
    """Entry point of `attune` and of `kubectl-attune`."""
    app()


def complete_for_kubectl() -> None:
    """Entry point of `kubectl_complete-attune`."""
    kubectl_complete(app)
