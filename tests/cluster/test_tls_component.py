"""The component for HTTPS: where the certificate is mounted is where the executor looks for it."""

import json
import os
from pathlib import Path
from typing import Any

import yaml

from testbed.cluster import Kubectl

MANIFESTS = Path(__file__).resolve().parents[2] / "manifests"


def test_the_certificate_is_mounted_where_it_is_read(kubectl: Kubectl, namespace: str, tmp_path: Path) -> None:
    manifests = os.path.relpath(MANIFESTS, tmp_path.resolve())
    overlay = {
        "resources": [f"{manifests}/base"],
        "components": [f"{manifests}/components/tls"],
        "namespace": namespace,
    }
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(overlay))
    rendered: list[dict[str, Any]] = list(yaml.safe_load_all(kubectl.run("kustomize", str(tmp_path))))
    (deployment,) = [item for item in rendered if item["kind"] == "Deployment"]
    kubectl.run("apply", "--filename=-", "--dry-run=server", "--warnings-as-errors", stdin=json.dumps(deployment))

    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    (mount,) = [mount for mount in container["volumeMounts"] if mount["name"] == "api-tls"]
    (volume,) = [volume for volume in pod["volumes"] if volume["name"] == "api-tls"]
    files = {item["name"]: item["value"] for item in container["env"] if "TLS" in item["name"]}
    assert volume["secret"] == {"secretName": "attune-api-tls"}
    assert files == {
        "ATTUNE__API__TLS__CERTIFICATE_FILE": f"{mount['mountPath']}/tls.crt",
        "ATTUNE__API__TLS__KEY_FILE": f"{mount['mountPath']}/tls.key",
    }
