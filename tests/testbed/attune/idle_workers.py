"""A worker Deployment whose pods have nowhere to run, for tests of what the operator sets of it."""

from typing import Any

IDLE_WORKERS: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "workers"},
    "spec": {
        "selector": {"matchLabels": {"app": "workers"}},
        "template": {
            "metadata": {"labels": {"app": "workers"}},
            "spec": {
                "nodeSelector": {"attune.io/no-such-node": "true"},
                "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
                "containers": [
                    {
                        "name": "worker",
                        "image": "none",
                        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                    }
                ],
            },
        },
    },
}
