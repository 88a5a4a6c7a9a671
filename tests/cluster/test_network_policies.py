"""The development overlay's NetworkPolicies: closed by default, open for what the pods do, taken by the API server.

Whether a cluster's network enforces them is the network's business; what they say is looked at here.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from testbed.attune.deployment import in_namespace, rendered
from testbed.cluster import Kubectl
from testbed.services.secrets import ensure_secret_files

OPERATOR, WORKER, POSTGRES, RABBITMQ = "attune-operator", "attune-worker", "postgres", "rabbitmq"
ELSEWHERE = "another-namespace"
NAME = "app.kubernetes.io/name"
POLICIES = "NetworkPolicy"


@pytest.fixture(scope="module")
def manifests(kubectl: Kubectl) -> list[dict[str, Any]]:
    ensure_secret_files()
    return rendered(kubectl)


class Network:
    """What the policies of a namespace let through; pods go by their names."""

    def __init__(self, manifests: Sequence[Mapping[str, Any]]) -> None:
        self._policies = [item["spec"] for item in manifests if item["kind"] == POLICIES]
        self._ports = {
            item["spec"]["template"]["metadata"]["labels"][NAME]: {
                port["name"]: port["containerPort"]
                for container in item["spec"]["template"]["spec"]["containers"]
                for port in container.get("ports", ())
            }
            for item in manifests
            if item["kind"] == "Deployment"
        }

    def lets(self, sender: str, receiver: str, port: int) -> bool:
        """Whether a connection gets out of one pod and into the other."""
        out = sender == ELSEWHERE or self._open("Egress", sender, "egress", "to", receiver, receiver, port)
        into = receiver == ELSEWHERE or self._open("Ingress", receiver, "ingress", "from", sender, receiver, port)
        return out and into

    def _open(self, kind: str, pod: str, rules: str, peers: str, other: str, receiver: str, port: int) -> bool:
        selecting = [
            spec for spec in self._policies if kind in spec["policyTypes"] and _selects(spec["podSelector"], pod)
        ]
        return not selecting or any(
            self._is_peer(rule.get(peers), other) and self._is_port(rule.get("ports"), receiver, port)
            for spec in selecting
            for rule in spec.get(rules, ())
        )

    @staticmethod
    def _is_peer(peers: Sequence[Mapping[str, Any]] | None, pod: str) -> bool:
        return peers is None or any(
            (pod != ELSEWHERE or "namespaceSelector" in peer) and _selects(peer.get("podSelector", {}), pod)
            for peer in peers
        )

    def _is_port(self, ports: Sequence[Mapping[str, Any]] | None, receiver: str, port: int) -> bool:
        named = self._ports.get(receiver, {})
        return ports is None or any(named.get(item["port"], item["port"]) == port for item in ports)


def _selects(selector: Mapping[str, Any], pod: str) -> bool:
    expected = selector.get("matchLabels", {NAME: pod}) == {NAME: pod}
    return expected and all(pod in item["values"] for item in selector.get("matchExpressions", ()))


@pytest.mark.parametrize(
    ("sender", "receiver", "port"),
    [
        (OPERATOR, POSTGRES, 5432),
        (OPERATOR, RABBITMQ, 5672),
        (WORKER, RABBITMQ, 5672),
        (ELSEWHERE, OPERATOR, 8080),
        (OPERATOR, ELSEWHERE, 443),
        (OPERATOR, ELSEWHERE, 53),
        (WORKER, ELSEWHERE, 53),
        # What the demo's actions ask, by an opening of the development overlay.
        (WORKER, ELSEWHERE, 443),
    ],
)
def test_what_is_needed_is_open(manifests: list[dict[str, Any]], sender: str, receiver: str, port: int) -> None:
    assert Network(manifests).lets(sender, receiver, port)


@pytest.mark.parametrize(
    ("sender", "receiver", "port"),
    [
        (WORKER, POSTGRES, 5432),
        (ELSEWHERE, POSTGRES, 5432),
        (ELSEWHERE, RABBITMQ, 5672),
        (OPERATOR, RABBITMQ, 15672),
        (OPERATOR, WORKER, 8081),
        (ELSEWHERE, WORKER, 8081),
        (WORKER, ELSEWHERE, 80),
        (POSTGRES, ELSEWHERE, 443),
        (RABBITMQ, OPERATOR, 8080),
    ],
)
def test_everything_else_is_closed(manifests: list[dict[str, Any]], sender: str, receiver: str, port: int) -> None:
    assert not Network(manifests).lets(sender, receiver, port)


def test_the_api_server_takes_them(kubectl: Kubectl, namespace: str, manifests: list[dict[str, Any]]) -> None:
    policies = [in_namespace(item, namespace) for item in manifests if item["kind"] == POLICIES]
    assert len(policies) == 6
    for policy in policies:
        kubectl.run("apply", "--filename=-", "--warnings-as-errors", stdin=json.dumps(policy))
