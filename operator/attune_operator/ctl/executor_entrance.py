"""Where the executor's API is entered, and what shows it who asks."""

import socket
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult

from attune_operator.ctl.errors import CtlError, UnreachableError, UsageError
from attune_operator.ctl.kubernetes_api import Kubernetes
from attune_operator.ctl.options import Site, Way
from attune_operator.ctl.tunnel import LOOPBACK, End, Tunnel

SERVICE: Final = "attune-executor"


class Entrance(AbstractResolver):
    """Has every name be the tunnel's entrance, so that a URL can have the name that the certificate is for."""

    def __init__(self, tunnel: Tunnel) -> None:
        self._tunnel = tunnel

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The entrance."""
        del port, family
        return [
            ResolveResult(hostname=host, host=LOOPBACK, port=self._tunnel.port, family=socket.AF_INET, proto=0, flags=0)
        ]

    async def close(self) -> None:
        """Nothing is held."""


def guarded(server: str) -> str:
    """The URL of a server that a token may be sent to.

    Raises:
        UsageError: it is none, or the token would cross a network in the clear.
    """
    address = urlsplit(server)
    if address.scheme not in {"http", "https"} or not address.hostname:
        raise UsageError(f"--server {server}: give a URL such as https://attune.example.org")
    if address.scheme == "http" and not _loopback(address.hostname):
        raise UsageError(f"--server {server}: a token must not cross a network in the clear, use https")
    return server.rstrip("/")


def target_port(service: Mapping[str, Any], pod: Mapping[str, Any]) -> int:
    """The port of ``pod`` that the first port of ``service`` stands for.

    Raises:
        CtlError: the pod has no port of that name.
    """
    port = service["spec"]["ports"][0]
    wanted = port.get("targetPort", port["port"])
    if isinstance(wanted, int):
        return wanted
    for container in pod["spec"]["containers"]:
        for offered in container.get("ports", ()):
            if offered.get("name") == wanted:
                return int(offered["containerPort"])
    raise CtlError(f"Pod {pod['metadata']['name']} has no port {wanted}, which Service {SERVICE} names: correct either")


async def leader(kubernetes: Kubernetes, namespace: str) -> End:
    """Where the Service of the executor ends now: at the pod that leads."""
    service = await kubernetes.get(
        f"Service {namespace}/{SERVICE}", f"/api/v1/namespaces/{namespace}/services/{SERVICE}"
    )
    selector = ",".join(f"{key}={value}" for key, value in service["spec"]["selector"].items())
    pods = await kubernetes.list_all(f"Pods in namespace {namespace}", f"/api/v1/namespaces/{namespace}/pods", selector)
    ready = next((pod for pod in pods if _ready(pod)), None)
    if ready is None:
        raise UnreachableError(
            f"no ready pod in namespace {namespace} has the labels {selector}: no operator leads there now;"
            f" look at kubectl -n {namespace} get pods, or name its namespace by --operator-namespace"
        )
    return End(namespace, ready["metadata"]["name"], target_port(service, ready))


def _ready(pod: Mapping[str, Any]) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


async def token(kubernetes: Kubernetes, site: Site, way: Way) -> str:
    """What shows the executor who asks: the user's own token, or one of the ServiceAccount that was named.

    Raises:
        UsageError: the user has none, and named none.
    """
    if way.service_account:
        return await kubernetes.service_account_token(site.operator_namespace, way.service_account, way.audience)
    token = await kubernetes.own_token()
    if token is None:
        raise UsageError(
            "the kubeconfig has a client certificate, which the executor does not see: name a ServiceAccount to call as"
            " by --service-account or ATTUNE_SERVICE_ACCOUNT; docs/how-to/kubectl-attune.md shows how to make one"
        )
    return token


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
