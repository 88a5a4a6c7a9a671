"""Pytest fixtures: a reader of the pages at a terminal, in front of the cluster under test."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from testbed.attune.callers import EVERYTHING, caller_token
from testbed.attune.cluster_view import ClusterView
from testbed.docs.typist import Typist
from testbed.services.program import REPOSITORY

EXAMPLES: Final = REPOSITORY / "manifests/examples"
ACCOUNT: Final = "attune-reader"
_RULES: Final = (EVERYTHING, {"apiGroups": [""], "resources": ["pods", "events"], "verbs": ["get", "list"]})
_MAY_FIND_NOTHING: Final = (
    "| grep",
    "--previous",
    "kubectl diff",
    "attune check",
    "attune doctor",
    "attune cancel 1042",
    "attune complete --force 1042",
)
"""Commands that end with 1 where there is nothing to find, or something."""
_MADE_BY_PAGES: Final = ("ci", "first-queue", "learner", "submit-http-get", "submitter")


@pytest.fixture
def typist(attune: ClusterView, tmp_path: Path) -> Iterator[Typist]:
    """A reader; what the pages have them make is deleted in the end."""
    yield Typist(attune.kubectl, attune.namespace, tmp_path, looks=_MAY_FIND_NOTHING)
    for kind in ("actionqueuepolicy", "rolebinding", "role", "serviceaccount"):
        attune.run("delete", kind, *_MADE_BY_PAGES, "--ignore-not-found")


@pytest.fixture
def examples(attune: ClusterView, typist: Typist) -> Iterator[None]:
    """The policies and the ExecutorConfig that the pages' commands name, and an account to call as."""
    for path in EXAMPLES.glob("*.yaml"):
        typist.bring(path)
    attune.run("apply", f"--filename={typist.folder / EXAMPLES.relative_to(REPOSITORY)}")
    attune.run("wait", "aqp", "--all", "--for=condition=Ready", "--timeout=60s")
    caller_token(attune.kubectl, attune.namespace, ACCOUNT, _RULES)
    typist.type(f"export ATTUNE_SERVICE_ACCOUNT={ACCOUNT}")
    yield
    attune.run("delete", "aqp", "--all")
    attune.run("delete", "aec", "--all")
