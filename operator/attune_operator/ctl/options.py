"""What several commands are told alike: which cluster, where the policies are, how to call the executor, what to print.

Each group of options is a dataclass whose fields are annotated for the command line. A command names the groups that it
takes in `takes`, and is called with an instance of each before its own parameters.
"""

import functools
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from attune_operator.ctl.errors import CtlError
from attune_operator.ctl.output import Output

_CLUSTER: Final = "Cluster"
_EXECUTOR: Final = "Way to the executor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Which cluster, and where in it the operator is."""

    operator_namespace: Annotated[
        str,
        typer.Option(
            envvar="ATTUNE_OPERATOR_NAMESPACE",
            help="Namespace of the operator and its ExecutorConfig.",
            rich_help_panel=_CLUSTER,
        ),
    ] = "attune-system"
    context: Annotated[
        str | None,
        typer.Option(help="Context of the kubeconfig; by default its current one.", rich_help_panel=_CLUSTER),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place(Site):
    """A site, and where the policies are."""

    namespace: Annotated[
        str | None,
        typer.Option(
            "--namespace",
            "-n",
            envvar="ATTUNE_NAMESPACE",
            help="Namespace of the policies; by default the operator's.",
            rich_help_panel=_CLUSTER,
        ),
    ] = None
    all_namespaces: Annotated[
        bool,
        typer.Option("--all-namespaces", "-A", help="Policies of every namespace.", rich_help_panel=_CLUSTER),
    ] = False

    @property
    def policies(self) -> str | None:
        """The namespace whose policies are meant; None for all."""
        return None if self.all_namespaces else self.namespace or self.operator_namespace


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How the executor is reached, and who calls it."""

    server: Annotated[
        str | None,
        typer.Option(
            envvar="ATTUNE_SERVER",
            help="URL of the executor's API; by default it is reached through the Kubernetes API.",
            rich_help_panel=_EXECUTOR,
        ),
    ] = None
    service_account: Annotated[
        str | None,
        typer.Option(
            envvar="ATTUNE_SERVICE_ACCOUNT",
            help="ServiceAccount, of the operator's namespace, to call as; by default the kubeconfig's own token.",
            rich_help_panel=_EXECUTOR,
        ),
    ] = None
    audience: Annotated[
        str | None,
        typer.Option(
            envvar="ATTUNE_AUDIENCE",
            help="Whom the ServiceAccount's token is meant for, where the operator sets token_audiences.",
            rich_help_panel=_EXECUTOR,
        ),
    ] = None
    tls: Annotated[
        bool,
        typer.Option("--tls", envvar="ATTUNE_TLS", help="The API speaks HTTPS.", rich_help_panel=_EXECUTOR),
    ] = False
    certificate_authority: Annotated[
        Path | None,
        typer.Option(
            envvar="ATTUNE_CERTIFICATE_AUTHORITY",
            help="Certificates to know the API's own by; by default the system's.",
            exists=True,
            dir_okay=False,
            rich_help_panel=_EXECUTOR,
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Printing:
    """What is printed."""

    output: Annotated[Output, typer.Option("--output", "-o", help="What to print.")] = Output.TABLE


def takes(*groups: type[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Have a command take groups of options, and end with a line and a code where it raises CtlError."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(command, eval_str=True).parameters.values())[len(groups) :]
        shared = [list(inspect.signature(group, eval_str=True).parameters.values()) for group in groups]

        @functools.wraps(command)
        def run(**given: Any) -> None:
            instances = [
                group(**{option.name: given.pop(option.name) for option in options})
                for group, options in zip(groups, shared, strict=True)
            ]
            try:
                command(*instances, **given)
            except CtlError as error:
                sys.stderr.write(f"attune: {error}\n")
                raise typer.Exit(error.code) from error

        parameters = [*own, *(option for options in shared for option in options)]
        options = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in parameters]
        vars(run)["__signature__"] = inspect.Signature(options)
        run.__annotations__ = {option.name: option.annotation for option in options}
        return run

    return decorate
