"""`attune dashboard` on a cluster: the page out of the operator's image and its stream, through the Kubernetes API."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx

from testbed.attune.callers import bearer, caller_token
from testbed.attune.cluster_view import ClusterView


def test_the_dashboard_is_reached_with_a_kubeconfig_alone(attune: ClusterView) -> None:
    caller_token(attune.kubectl, attune.namespace)
    context = [f"--context={attune.kubectl.context}"] if attune.kubectl.context else []
    command = subprocess.Popen(  # noqa: S603 - our own program
        [
            *(str(Path(sys.executable).with_name("attune")), "dashboard", "--no-open", *context),
            *("--operator-namespace", attune.namespace, "--service-account", "attune-caller"),
        ],
        env={**os.environ, "KUBECONFIG": str(attune.kubectl.kubeconfig)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert command.stdout is not None
    said = "".join(command.stdout.readline() for _ in range(4))
    try:
        found = re.search(r"Dashboard: (\S+)/\n.*\nKey, .*: (\S+)\n", said)
        assert found, said
        url, key = found.groups()
        assert "<title>Attune queues</title>" in httpx.get(url, timeout=20).text
        assert httpx.get(f"{url}/api/v1/stream", timeout=20).status_code == 401
        stream = httpx.get(f"{url}/api/v1/stream?seconds=0", headers=bearer(key), timeout=20)
        assert stream.text.startswith('event: picture\ndata: {"time":')
        assert '"scales":true' in stream.text
    finally:
        command.send_signal(signal.SIGINT)
        rest, _ = command.communicate(timeout=30)
    assert command.returncode == 0, rest
