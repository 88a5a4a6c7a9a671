"""Callers of the executor's API on a cluster: ServiceAccounts with the permissions of a Role, and their tokens."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from testbed.cluster.kubectl import Kubectl

EVERYTHING = {"apiGroups": ["attune.io"], "resources": ["actionqueuepolicies/executions"], "verbs": ["*"]}
"""Submit, look at, list and cancel the executions of every action."""
_TOKEN_LASTS = "4h"  # noqa: S105 - a duration


def caller_token(
    kubectl: Kubectl, namespace: str, name: str = "attune-caller", rules: Sequence[Mapping[str, Any]] = (EVERYTHING,)
) -> str:
    """Make a ServiceAccount that may do what `rules` say in its namespace; return a token of it."""
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
    objects = [
        {"apiVersion": "v1", "kind": "ServiceAccount"},
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "rules": list(rules)},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "roleRef": role,
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
        },
    ]
    items = [{**item, "metadata": {"name": name, "namespace": namespace}} for item in objects]
    kubectl.run("apply", "--filename=-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    return kubectl.run("create", "token", name, f"--namespace={namespace}", f"--duration={_TOKEN_LASTS}").strip()


def bearer(token: str) -> dict[str, str]:
    """The header that shows a token."""
    return {"Authorization": f"Bearer {token}"}
