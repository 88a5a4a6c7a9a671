"""PostgreSQL and RabbitMQ of the development overlay, in pods, answer to the runbook's commands."""

import base64
import re
from collections.abc import Iterator

import pytest
import yaml

from testbed.attune.deployment import in_namespace, rolled_out_on_change
from testbed.cluster.fixtures import fresh_namespace
from testbed.cluster.kubectl import Kubectl
from testbed.cluster.provider import Provider
from testbed.images.catalog import SERVICES
from testbed.images.loading import load_images
from testbed.services.program import REPOSITORY
from testbed.services.secrets import ensure_secret_files

# The very first run builds the image.
pytestmark = pytest.mark.timeout(1800)

OVERLAY = REPOSITORY / "manifests/overlays/development/services"
DEPLOYMENTS = ("deployment/postgres", "deployment/rabbitmq")


@pytest.fixture(scope="module")
def namespace(cluster: Provider, kubectl: Kubectl) -> Iterator[str]:
    """A namespace under the restricted standard, in which both run and are ready."""
    load_images(cluster, [SERVICES])
    ensure_secret_files()
    manifests = [item for item in yaml.safe_load_all(kubectl.run("kustomize", str(OVERLAY))) if item]
    with fresh_namespace(kubectl) as name:
        kubectl.run("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
        kubectl.apply([in_namespace(item, name) for item in rolled_out_on_change(manifests)])
        for deployment in DEPLOYMENTS:
            kubectl.run("rollout", "status", deployment, f"--namespace={name}", "--timeout=90s")
        yield name


def _in_pod(kubectl: Kubectl, namespace: str, deployment: str, *command: str) -> str:
    return kubectl.run("exec", deployment, f"--namespace={namespace}", "--", *command)


def test_psql_in_the_pod_is_attune_and_asks_for_no_password(kubectl: Kubectl, namespace: str) -> None:
    psql = ("psql", "-U", "attune", "-d", "attune", "-At", "-c", "SELECT current_user, current_database()")
    assert _in_pod(kubectl, namespace, "deployment/postgres", *psql).strip() == "attune|attune"


def test_rabbitmqctl_in_the_pod_finds_its_broker(kubectl: Kubectl, namespace: str) -> None:
    listing = _in_pod(kubectl, namespace, "deployment/rabbitmq", "rabbitmqctl", "list_queues", "name", "messages")
    assert "Listing queues for vhost /" in listing


def test_the_broker_knows_its_memory_limit(kubectl: Kubectl, namespace: str) -> None:
    log = kubectl.run("logs", "deployment/rabbitmq", f"--namespace={namespace}")
    assert "of 1024 MiB (1073741824 bytes) total" in log


def test_the_secret_for_operator_and_workers_leads_to_the_servers(kubectl: Kubectl, namespace: str) -> None:
    secret = kubectl.get("secret", "attune-connections", f"--namespace={namespace}")
    assert set(secret["data"]) == {"database-url", "message-queue-url"}
    url = base64.b64decode(secret["data"]["database-url"]).decode()
    # The password is in the pod's environment: arguments are for everyone to see.
    psql = ("psql", re.sub(r":[^:@/]+@", "@", url), "-At", "-c", "SELECT 1")
    assert _in_pod(kubectl, namespace, "deployment/postgres", *psql).strip() == "1"


def test_a_deleted_pod_leaves_at_once(kubectl: Kubectl, namespace: str) -> None:
    # Whoever does not obey is killed after 30 seconds.
    kubectl.run("delete", "pods", "--all", f"--namespace={namespace}", "--wait", "--timeout=25s")
    for deployment in DEPLOYMENTS:
        kubectl.run("rollout", "status", deployment, f"--namespace={namespace}", "--timeout=90s")
