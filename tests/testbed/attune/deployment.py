"""Puts the development overlay into a namespace: the same manifests for the demo, the tests and `kubectl apply`.

Two things differ from applying the overlay by hand. Images are named by the digest of what they are made from, so that
a change rolls out and nothing else does. And the namespace may be another, so that tests leave a demo alone.
"""

from collections.abc import Sequence
from typing import Any

import yaml

from testbed.cache import digest
from testbed.cluster.kubectl import Kubectl
from testbed.cluster.provider import Provider
from testbed.images.catalog import IMAGES
from testbed.images.loading import load_images
from testbed.progress import step
from testbed.services.program import REPOSITORY
from testbed.services.secrets import ensure_secret_files

NAMESPACE = "attune-system"
OVERLAY = REPOSITORY / "manifests/overlays/development"
CLUSTER_SCOPED = frozenset(
    {
        "CustomResourceDefinition",
        "Namespace",
        "ClusterRole",
        "ClusterRoleBinding",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    }
)
_ROLLOUT_SECONDS = 240

Manifest = dict[str, Any]


def deploy(provider: Provider, namespace: str = NAMESPACE) -> None:
    """Load the images, apply everything, and wait until it runs; does nothing twice.

    Raises:
        ClusterError: something was refused, or did not come up in time.
    """
    load_images(provider, IMAGES)
    ensure_secret_files()
    kubectl = provider.kubectl()
    manifests = [in_namespace(item, namespace) for item in rolled_out_on_change(rendered(kubectl))]
    # What others depend on goes first: a namespace before its contents, a kind before its objects.
    first = [item for item in manifests if item["kind"] in CLUSTER_SCOPED]
    with step(f"Deploying Attune into namespace {namespace}") as shown:
        _apply(kubectl, first)
        _apply(kubectl, [item for item in manifests if item not in first])
        crds = [f"crd/{kind}.attune.io" for kind in ("actionqueuepolicies", "executorconfigs")]
        kubectl.run("wait", "--for=condition=Established", *crds, "--timeout=60s")
        deployments = [item["metadata"]["name"] for item in manifests if item["kind"] == "Deployment"]
        for done, name in enumerate(deployments):
            shown.advance(done, len(deployments), "Deployments")
            kubectl.run(
                f"--namespace={namespace}",
                "rollout",
                "status",
                f"deployment/{name}",
                f"--timeout={_ROLLOUT_SECONDS}s",
                timeout=_ROLLOUT_SECONDS + 30,
            )


def rendered(kubectl: Kubectl) -> list[Manifest]:
    """The overlay as kustomize makes it."""
    return [item for item in yaml.safe_load_all(kubectl.run("kustomize", str(OVERLAY))) if item]


def rolled_out_on_change(manifests: Sequence[Manifest]) -> Sequence[Manifest]:
    """The same with the images of this checkout, and pods that start anew when what they connect with changes."""
    references = {image.floating_reference: image.reference for image in IMAGES}
    secrets = [item for item in manifests if item["kind"] == "Secret"]
    connections = digest([yaml.safe_dump(secrets).encode()])
    for item in manifests:
        if item["kind"] != "Deployment":
            continue
        template = item["spec"]["template"]
        template["metadata"].setdefault("annotations", {})["attune.io/connections"] = connections
        for container in [*template["spec"].get("initContainers", []), *template["spec"]["containers"]]:
            container["image"] = references.get(container["image"], container["image"])
    return manifests


def in_namespace(manifest: Manifest, namespace: str) -> Manifest:
    """The same object in another namespace, whatever it says of namespaces included."""
    if manifest["kind"] == "Namespace":
        manifest["metadata"]["name"] = namespace
    elif manifest["kind"] == "ClusterRoleBinding":
        # One for each namespace: another would take the permissions of the operator in the first.
        manifest["metadata"]["name"] += f":{namespace}"
    elif manifest["kind"] not in CLUSTER_SCOPED:
        manifest["metadata"]["namespace"] = namespace
    for subject in manifest.get("subjects", []):
        subject["namespace"] = namespace
    return manifest


def _apply(kubectl: Kubectl, manifests: list[Manifest]) -> None:
    kubectl.run(
        "apply",
        "--server-side",
        "--force-conflicts",
        "--field-manager=attune-testbed",
        "--filename=-",
        stdin=yaml.safe_dump_all(manifests),
    )
