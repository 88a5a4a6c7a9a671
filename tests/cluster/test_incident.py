"""`attune incident` on a real cluster: what a crash leaves behind is in the archive, and no planted credential is."""

import json
import signal
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from testbed.attune.attune_program import Attune, apply_policy
from testbed.attune.callers import caller_token
from testbed.attune.cluster_view import WORKERS, ClusterView
from testbed.attune.operators import until
from testbed.cluster import Kubectl

pytestmark = pytest.mark.timeout(1800)

CALLER = "attune-caller"
SECRETS = ("Zq7-in-the-environment", "Zq7-in-a-url", "Zq7InABearerToken", "Zq7-in-json", "Zq7 in an annotation")
LOG = f"""
import os, sys
print("connecting to postgres://attune:{SECRETS[1]}@db.example:5432/attune", flush=True)
print("Authorization: Bearer {SECRETS[2]}", flush=True)
print('{{"event": "login", "password": "{SECRETS[3]}", "tries": 3}}', flush=True)
print("harmless: the environment has", os.environ["HARMLESS"].replace("Zq7", "something"), flush=True)
sys.exit(3)
"""


def planted(image: str, namespace: str) -> dict[str, Any]:
    """A Deployment whose pod says what it should not, and crashes."""
    labels = {"app": "planted"}
    container = {
        "name": "main",
        "image": image,
        "command": ["python", "-c", LOG],
        "env": [{"name": "HARMLESS", "value": SECRETS[0]}],
        # What the namespace's Pod Security asks for.
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "planted", "namespace": namespace, "annotations": {"example.org/token": SECRETS[4]}},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "containers": [container],
                    "automountServiceAccountToken": False,
                    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
                },
            },
        },
    }


def contents(archive: Path) -> dict[str, str]:
    with tarfile.open(archive) as tar:
        files = {name.partition("/")[2]: tar.extractfile(name) for name in tar.getnames()}
        return {name: file.read().decode() for name, file in files.items() if file}


@pytest.fixture(scope="module")
def crashing(attune: ClusterView) -> Iterator[ClusterView]:
    """A policy whose worker crashes, with an execution that waits for it."""
    kubectl, namespace = attune.kubectl, attune.namespace
    caller_token(kubectl, namespace, CALLER)
    worker = attune.get("deployment", WORKERS)["spec"]["template"]["spec"]["containers"][0]
    kubectl.apply([planted(worker["image"], namespace)])
    workers = {"deployment": "planted", "maxReplicas": 1}
    apply_policy(kubectl, namespace, "planted", "core.planted", workers=workers)
    until(lambda: restarts(attune) > 0, 90)
    yield attune
    attune.run("delete", "aqp", "planted")
    attune.run("delete", "deployment", "planted")


def restarts(attune: ClusterView) -> int:
    pods = attune.get("pods", "--selector=app=planted")["items"]
    return sum(status["restartCount"] for pod in pods for status in pod["status"].get("containerStatuses", ()))


def test_an_incident_is_kept_whole_and_without_credentials(crashing: ClusterView, tmp_path: Path) -> None:
    program = Attune(crashing.kubectl, crashing.namespace, {"ATTUNE_SERVICE_ACCOUNT": CALLER})
    accepted = program.document("submit", "core.planted", "--param", f"password={SECRETS[3]}")
    done = program.run("incident", "planted", "--crash", "--output", str(tmp_path))
    assert done.returncode == 0, done.stderr
    archive = Path(done.stdout.strip())
    assert archive.stat().st_mode & 0o777 == 0o600
    files = contents(archive)

    everything = "".join(files.values())
    for secret in SECRETS:
        assert not [name for name, text in files.items() if secret in text]
    assert '"tries": 3' in everything
    assert "kind: Secret" not in everything
    space = f"kubernetes/{crashing.namespace}"
    for kind in ("pods", "deployments", "replicasets", "events", "resourcequotas", "actionqueuepolicies", "lease"):
        assert json.loads(files[f"{space}/{kind}.json"]) is not None
    assert "reason=Error" in files[f"{space}/container-ends.txt"]
    assert "exitCode=3" in files[f"{space}/container-ends.txt"]
    logs = [name for name in files if name.startswith(f"logs/workers/{crashing.namespace}/planted-")]
    assert {name.rpartition("/main")[2] for name in logs} >= {".previous.log"}
    assert any("harmless: the environment has something" in files[name] for name in logs)
    assert any("attune-operator" in name for name in files if name.startswith("logs/executor/"))
    order = files["executor/execution-order/core.planted.tsv"].splitlines()
    assert [line.split("\t")[0] for line in order] == ["id", str(accepted["id"])]
    assert json.loads(files["executor/queue-stats/core.planted.json"])["queue_length"] == 1
    # The caller may list every action, which is enough for the metrics.
    assert 'attune_queue_length{action="core.planted"} 1.0' in files["executor/metrics.txt"]
    assert "OOM kills" in files["README.txt"]
    # The policy's only worker crashes, which the doctor sees.
    assert "planted" in files["doctor.txt"]
    assert "problem" in files["doctor.txt"].splitlines()[-1]

    program.says("submit", "core.planted")
    program.says("incident", "planted", "--cap=1", "--output", str(tmp_path / "capped.tar.gz"))
    capped = contents(tmp_path / "capped.tar.gz")
    assert len(capped["executor/execution-order/core.planted.tsv"].splitlines()) == 2
    assert "more than 1 were accepted in the last hour" in capped["README.txt"]


def test_each_missing_right_is_named_and_spoils_nothing_else(crashing: ClusterView, tmp_path: Path) -> None:
    kubectl, namespace = crashing.kubectl, crashing.namespace
    rules = [{"apiGroups": ["attune.io"], "resources": ["actionqueuepolicies"], "verbs": ["get", "list"]}]
    config = json.loads(kubectl.run("config", "view", "--minify", "--raw", "--flatten", "--output=json"))
    config["users"][0]["user"] = {"token": caller_token(kubectl, namespace, "onlooker", rules)}
    kubeconfig = tmp_path / "onlooker"
    kubeconfig.write_text(json.dumps(config))
    onlooker = Attune(Kubectl(kubectl.program, kubeconfig), namespace, {})
    done = onlooker.run("incident", "planted", "--output", str(tmp_path / "little.tar.gz"))
    assert done.returncode == 0, done.stderr
    files = contents(tmp_path / "little.tar.gz")
    assert json.loads(files[f"kubernetes/{namespace}/actionqueuepolicies.json"])
    missing = files["README.txt"].partition("WHAT IS WHAT")[0]
    for right in ('cannot list resource "pods"', 'cannot list resource "nodes"', 'cannot get resource "leases"'):
        assert right in missing
    assert missing.count('cannot get resource "services"') == 1
    assert "all else that the executor's API tells" in missing
    assert not any(name.startswith("logs/") for name in files)


def test_ctrl_c_leaves_no_half_archive(crashing: ClusterView, tmp_path: Path) -> None:
    program = Attune(crashing.kubectl, crashing.namespace, {"ATTUNE_SERVICE_ACCOUNT": CALLER})
    with subprocess.Popen(  # noqa: S603
        program.command("incident", "--output", str(tmp_path)),
        env=program.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr
        assert process.stderr.readline().startswith("+ ")
        assert list(tmp_path.iterdir())
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) != 0
    assert list(tmp_path.iterdir()) == []
