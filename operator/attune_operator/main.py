"""`attune-operator`: the program that runs executor and operator in one process."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Final, NoReturn

import structlog
import typer
from pydantic import ValidationError

from attune_executor.app import Executor
from attune_executor.configuration import ConfigurationError, describe
from attune_executor.domain.errors import PolicyError
from attune_executor.garbage import collect_rarely
from attune_executor.program_version import version_option
from attune_executor.settings import unknown_variables
from attune_operator.authorization import KubernetesAuthorizer
from attune_operator.cluster import Cluster
from attune_operator.leader import LeadershipLostError
from attune_operator.logs import quieten_kopf
from attune_operator.metrics import ScalingCollector
from attune_operator.replica import Replica
from attune_operator.resources import ExecutorRules
from attune_operator.rulers import Rulers
from attune_operator.scaling import DecisionHistory
from attune_operator.settings import ProgramSettings

_log = structlog.get_logger("attune.operator")

EXIT_FAILED: Final = 1
EXIT_CONFIGURATION: Final = 2
_SECTIONS: Final = frozenset({*ProgramSettings.model_fields, "worker"})

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="Configuration file; ATTUNE__SECTION__KEY variables win over it.")
]


@app.callback()
def attune_operator(
    version: Annotated[bool, version_option("attune-operator", "attune-operator")] = False,
) -> None:
    """Queues of Attune's actions as a Kubernetes operator."""
    del version


@app.command()
def run(config: ConfigFile = None) -> None:
    """Stand by, and lead once this replica has the lease, until SIGTERM.

    ATTUNE__DATABASE__URL and ATTUNE__MESSAGE_QUEUE__URL are needed; ATTUNE__OPERATOR__NAMESPACE says which namespace,
    by default the pod's own. Outside of a cluster KUBECONFIG names the cluster.

    Exit codes: 0 stopped after SIGTERM or SIGINT, 1 leadership lost or failed, 2 wrong configuration.
    """
    if unknown := unknown_variables(_SECTIONS):
        _give_up(f"{', '.join(unknown)}: no such setting, remove it or correct its section")
    try:
        settings = ProgramSettings.load(config)
        rules = settings.executor_rules()
    except ValidationError as error:
        _give_up(describe(error, ProgramSettings))
    except (ConfigurationError, PolicyError) as error:
        _give_up(str(error))
    settings.log.configure()
    quieten_kopf()
    collect_rarely()
    try:
        asyncio.run(_run(settings, rules))
    except Exception as error:
        # In the log's own format, where whoever looks for the reason of a restart will find it.
        _log.exception("the operator failed")
        raise typer.Exit(EXIT_FAILED) from error


async def _run(settings: ProgramSettings, rules: ExecutorRules) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with Cluster.connect(settings.operator.namespace) as cluster:
        rulers = Rulers()
        audiences = settings.operator.token_audiences
        authorizer = KubernetesAuthorizer(cluster, rulers, settings.operator.watched, audiences)
        decisions = DecisionHistory()
        collectors = [ScalingCollector(decisions)]
        replica = Replica(
            settings.operator,
            cluster,
            lambda: Executor(settings, authorizer, decisions, collectors, rulers.known),
            rules,
            rulers,
            decisions,
        )
        try:
            await replica.run(stop)
        except LeadershipLostError as error:
            _log.error("leadership lost, ending at once", error=str(error))
            # An orderly end takes seconds in which two would lead.
            os._exit(EXIT_FAILED)
    _log.info("stopped")


def _give_up(problem: str) -> NoReturn:
    sys.stderr.write(f"attune-operator: {problem}\n")
    raise typer.Exit(EXIT_CONFIGURATION)


def main() -> None:
    """Entry point."""
    app()
