"""The roles for people: each may what the one before it may."""

from itertools import product
from pathlib import Path
from typing import Any, Final

import yaml

ROLES: Final = Path(__file__).resolve().parents[3] / "manifests" / "base" / "user-roles.yaml"


def rights(role: dict[str, Any]) -> set[tuple[str, str, str, str]]:
    """Group, resource, verb and name, one by one; without a name it is every one."""
    return {
        right
        for rule in role["rules"]
        if "resources" in rule
        for right in product(rule["apiGroups"], rule["resources"], rule["verbs"], rule.get("resourceNames", ("",)))
    }


def test_an_operator_may_what_viewers_and_submitters_may() -> None:
    roles = {role["metadata"]["name"]: role for role in yaml.safe_load_all(ROLES.read_text(encoding="utf-8"))}
    viewer, submitter, operator = (rights(roles[f"attune:{name}"]) for name in ("viewer", "submitter", "operator"))
    assert viewer < operator
    assert submitter < operator
    kept = {"view": "viewer", "edit": "submitter", "admin": "operator"}
    for kubernetes, ours in kept.items():
        labels = roles[f"attune:{ours}"]["metadata"]["labels"]
        assert labels == {f"rbac.authorization.k8s.io/aggregate-to-{kubernetes}": "true"}
