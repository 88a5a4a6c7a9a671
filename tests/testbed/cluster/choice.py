"""Which cluster to use: the one that the user names, else the one that runs, else what this machine can have."""

import os
from pathlib import Path
from typing import Literal, get_args

from rich.markup import escape

from testbed.cluster import kind_program
from testbed.cluster.errors import ClusterError
from testbed.cluster.existing import ExistingCluster
from testbed.cluster.kind import KindCluster
from testbed.cluster.localnode.provider import LocalNode
from testbed.cluster.provider import Provider
from testbed.progress import CONSOLE

ProviderName = Literal["existing", "kind", "localnode"]
PROVIDER_VARIABLE = "ATTUNE_CLUSTER_PROVIDER"
KUBECONFIG_VARIABLE = "ATTUNE_KUBECONFIG"


def choose_provider(name: str | None = None, kubeconfig: Path | None = None) -> Provider:
    """Return the provider of the cluster to use; nothing is started.

    `name` and `kubeconfig` default to the environment's ATTUNE_CLUSTER_PROVIDER and ATTUNE_KUBECONFIG; a kubeconfig
    means `existing`. Without either: the cluster that is up, else kind where Docker can run it, else the local node.

    Raises:
        ClusterError: there is no provider of that name, or `existing` without a kubeconfig.
    """
    name = name or os.environ.get(PROVIDER_VARIABLE) or None
    if kubeconfig is None and (named := os.environ.get(KUBECONFIG_VARIABLE)):
        kubeconfig = Path(named).expanduser()
    if name is None and kubeconfig is None:
        return _possible()
    if name in {None, "existing"}:
        if kubeconfig is None:
            raise ClusterError(
                f"which existing cluster? Name its kubeconfig with --kubeconfig or {KUBECONFIG_VARIABLE}"
            )
        return ExistingCluster(kubeconfig)
    if name == "kind":
        return KindCluster()
    if name == "localnode":
        return LocalNode()
    raise ClusterError(f"no cluster provider {name!r}: choose one of {', '.join(get_args(ProviderName))}")


def _possible() -> Provider:
    local, kind = LocalNode(), KindCluster()
    if local.exists():
        return local
    if kind.kubeconfig.exists():
        return kind
    if reason := kind_program.obstacle():
        CONSOLE.print(f"[dim]No kind cluster, since {escape(reason)}: a local node instead.[/dim]")
        return local
    return kind
