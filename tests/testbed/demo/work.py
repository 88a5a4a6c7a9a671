"""What the demo has Attune do: hash every file of Python's standard library, ask the API server, and wait a little."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from testbed.attune.client import Wanted
from testbed.cluster.kubectl import Kubectl

SHELL = "core.shell"
HTTP = "core.http.get"
SLEEP = "core.sleep"

_AT_LEAST = 2000
_HTTP_REQUESTS = 300
_SLEEPS = 60
_SLEEP_SECONDS = 2.0
_CLUSTER_CA = "/etc/attune/cluster-ca/ca.crt"

# Run in a worker pod: what sha256sum will be asked for, computed by another program.
_HASH_PROGRAM = """
import hashlib, json, pathlib, sysconfig
root = pathlib.Path(sysconfig.get_paths()["stdlib"])
files = (path for path in sorted(root.rglob("*")) if path.is_file())
print(json.dumps({str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}))
"""


@dataclass(frozen=True)
class Work:
    """The executions to submit, and the hash that each hashing one must find, by its idempotency key."""

    wanted: Sequence[Wanted]
    hashes: dict[str, str]


def hash_own_way(kubectl: Kubectl, namespace: str, deployment: str) -> dict[str, str]:
    """SHA-256 by path of every file of the standard library in a worker's image, computed by Python in the pod."""
    printed = kubectl.run(
        "--namespace", namespace, "exec", f"deployment/{deployment}", "--", "python", "-c", _HASH_PROGRAM, timeout=300
    )
    return json.loads(printed)


def plan(hashes: dict[str, str]) -> Work:
    """One execution a file, over again until there are enough, then requests to the API server and slow actions."""
    wanted: list[Wanted] = []
    expected: dict[str, str] = {}
    rounds = -(-(_AT_LEAST - _HTTP_REQUESTS - _SLEEPS) // len(hashes))
    for _ in range(max(1, rounds)):
        for path, digest in hashes.items():
            item = Wanted(SHELL, {"argv": ["sha256sum", "--", path]})
            wanted.append(item)
            expected[item.key] = digest
    version = {"url": "https://kubernetes.default.svc/version", "ca_file": _CLUSTER_CA}
    wanted += [Wanted(HTTP, version) for _ in range(_HTTP_REQUESTS)]
    wanted += [Wanted(SLEEP, {"seconds": _SLEEP_SECONDS}) for _ in range(_SLEEPS)]
    return Work(interleaved(wanted), expected)


def interleaved(wanted: Sequence[Wanted]) -> list[Wanted]:
    """The same executions with the actions spread evenly over the whole, each action in its own order."""
    places: list[tuple[float, int, Wanted]] = []
    for action in {item.action_ref: None for item in wanted}:
        of_action = [item for item in wanted if item.action_ref == action]
        places += [((n + 0.5) / len(of_action), len(places) + n, item) for n, item in enumerate(of_action)]
    return [item for _, _, item in sorted(places, key=lambda place: place[:2])]
