"""The Kubernetes client, as a kubeconfig says, or as the ServiceAccount of the pod that this runs in."""

# The client's own code has few annotations; its types end in this file.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import yaml
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config

from attune_operator.ctl.errors import UnreachableError


@asynccontextmanager
async def client_of(context: str | None) -> AsyncGenerator[ApiClient]:
    """The client for a context of the kubeconfig, by default its current one.

    Raises:
        UnreachableError: the kubeconfig cannot be used.
    """
    configuration = Configuration()
    try:
        if _inside():
            load_incluster_config(client_configuration=configuration)
        else:
            # The library reads the variable once, when it is imported.
            files = os.environ.get("KUBECONFIG")
            await load_kube_config(files, context, configuration, persist_config=False)
    except (ConfigException, OSError, ValueError, yaml.YAMLError) as error:
        raise UnreachableError(f"the kubeconfig cannot be used: {error}; set KUBECONFIG or --context") from error
    async with ApiClient(configuration) as client:
        yield client


def _inside() -> bool:
    """Whether this is a pod without a kubeconfig."""
    configured = "KUBECONFIG" in os.environ or (Path.home() / ".kube" / "config").exists()
    return "KUBERNETES_SERVICE_HOST" in os.environ and not configured
