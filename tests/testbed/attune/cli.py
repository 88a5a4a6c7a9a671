"""`python -m testbed deploy`: Attune on a cluster, to look at and to try things on."""

import sys
from pathlib import Path

import typer

from testbed.attune.deployment import NAMESPACE, deploy
from testbed.cluster.choice import choose_provider

app = typer.Typer(help="Bring up a cluster unless it is there, with Attune, PostgreSQL and RabbitMQ on it.")


@app.callback(invoke_without_command=True)
def put_on_a_cluster() -> None:
    """Bring up what is missing, and print how to reach it from a terminal."""
    provider = choose_provider()
    kubeconfig = provider.up()
    deploy(provider, NAMESPACE)
    # The checkout's own programs, `kubectl attune` among them, and the kubectl that fits the cluster.
    folders = dict.fromkeys([Path(sys.executable).parent, provider.kubectl().program.parent])
    print(f'export KUBECONFIG={kubeconfig} PATH="{":".join(map(str, folders))}:$PATH"')
