"""Callers of the executor's API on a cluster: ServiceAccounts with the permissions of a Role, and their tokens."""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from testbed.cluster.errors import KubectlError
from testbed.cluster.kubectl import Kubectl

EVERYTHING = {"apiGroups": ["attune.io"], "resources": ["actionqueuepolicies/executions"], "verbs": ["*"]}
"""Submit, look at, list and cancel the executions of every action."""
_BINDING_SECONDS = 30
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


def until_allowed(kubectl: Kubectl, namespace: str, account: str, verb: str, resource: str) -> None:
    """Wait until the Kubernetes API lets a ServiceAccount do something to executions.

    It is asked through its caches, which know of a binding a moment after it is made.

    Raises:
        KubectlError: it may not, half a minute later.
    """
    deadline = time.monotonic() + _BINDING_SECONDS
    caller = f"--as=system:serviceaccount:{namespace}:{account}"
    asked = ("auth", "can-i", verb, resource, "--subresource=executions", f"--namespace={namespace}", caller)
    while True:
        try:
            kubectl.run(*asked)
        except KubectlError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def bearer(token: str) -> dict[str, str]:
    """The header that shows a token."""
    return {"Authorization": f"Bearer {token}"}
