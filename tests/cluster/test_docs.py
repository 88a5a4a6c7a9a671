"""What the pages show works on a real cluster: the tutorial from its first line to its last, the runbook's commands."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.attune.cluster_view import ClusterView
from testbed.cluster.errors import KubectlError
from testbed.docs import schemas
from testbed.docs.blocks import KUBERNETES_OWN, documents
from testbed.docs.counterparts import PAGE
from testbed.docs.pages import Page, pages
from testbed.docs.typist import Typist
from testbed.services.program import REPOSITORY

pytestmark = pytest.mark.timeout(600)

TUTORIAL = Page(REPOSITORY / "docs/tutorial.md")
ON_A_TERMINAL = ("kubectl attune top", "kubectl attune dashboard")
NEEDS_METRICS_SERVER = "kubectl -n attune-system top"
FOLLOWS = re.compile(r" (--watch|-f)\b(?! \S+\.yaml)")
CHANGES = ("rollout", "patch", "set", "delete", "create", "apply", "annotate", "scale")


@pytest.fixture
def typist(attune: ClusterView, tmp_path: Path) -> Iterator[Typist]:
    yield Typist(attune.kubectl, attune.namespace, tmp_path, skipped=("make ", *ON_A_TERMINAL))
    for kind in ("actionqueuepolicy", "rolebinding", "serviceaccount"):
        attune.run("delete", kind, "first-queue", "learner", "--ignore-not-found")


def test_the_tutorial(typist: Typist, attune: ClusterView) -> None:
    assert attune.policies() == []
    printed = dict(typist.type_page(TUTORIAL))

    assert "succeeded" in printed["kubectl attune submit core.sleep --param seconds=1 --wait"]
    message = next(text for line, text in printed.items() if "scaling.message" in line)
    assert message
    assert "paused" in printed["kubectl attune pause first-queue"]
    assert attune.policies() == []


HTTP_GET = (REPOSITORY / "manifests/examples/http-get.yaml").read_text(encoding="utf-8")
EXECUTOR_CONFIG = (REPOSITORY / "manifests/examples/executor-config.yaml").read_text(encoding="utf-8")


@pytest.fixture
def examples(attune: ClusterView) -> Iterator[None]:
    """The policy and the ExecutorConfig that the runbook's commands name."""
    for text in (HTTP_GET, EXECUTOR_CONFIG):
        attune.run("apply", "--filename=-", stdin=text.replace("attune-system", attune.namespace))
    attune.run("wait", "aqp", "http-get", "--for=condition=Ready", "--timeout=60s")
    yield
    attune.run("delete", "aqp/http-get", "aec/executor")


@pytest.mark.usefixtures("examples")
def test_the_runbooks_commands(typist: Typist, attune: ClusterView) -> None:
    """Those that look are typed as they stand, those that change something as a dry run."""
    metrics_server = "metrics.k8s.io" in attune.kubectl.run("api-versions")
    shown = dict.fromkeys(
        code
        for code in Page(PAGE).inline_code
        if code.startswith("kubectl ") and " -" in code and not code.startswith(ON_A_TERMINAL)
    )
    typed = 0
    for command in shown:
        if command.startswith(NEEDS_METRICS_SERVER) and not metrics_server:
            continue
        changes = command.split()[3] in CHANGES if command.startswith("kubectl -n ") else " emergency " in command
        dry = " --dry-run=server" if command.startswith("kubectl -n ") else " --dry-run"
        line = FOLLOWS.sub("", command) + (dry if changes else "")
        if " rollout " in command:
            # Neither restart nor undo can be tried dry, the one never, the other without an earlier revision.
            line = re.sub(r"rollout (restart|undo)", "rollout history", command)
        # A pipe into grep ends with 1 where there is nothing to find, and so does a look at a previous container.
        typist.type(line, good=(0, 1) if "| grep" in command or "--previous" in command else (0,))
        typed += 1
    assert typed > 30


def test_the_servers_of_the_development_overlay_are_asked_as_shown(typist: Typist) -> None:
    (psql,) = [line for block in Page(PAGE).blocks for line in block.text.splitlines() if " psql " in line]
    assert typist.type(f"{psql.replace(' -it', '')} -c 'TABLE attune.queue_stats'")
    queues = typist.type("kubectl -n attune-system exec deploy/rabbitmq -- rabbitmqctl list_queues name messages")
    assert "execution.completed" in queues


def test_every_object_that_a_page_shows_is_taken_by_the_api_server(attune: ClusterView) -> None:
    seen = 0
    for block in (block for page in pages() for block in page.blocks if block.language == "yaml"):
        for document in documents(block):
            kind = document.get("kind", "")
            if not (schemas.is_ours(kind) or kind in KUBERNETES_OWN):
                continue
            document["metadata"]["namespace"] = attune.namespace
            try:
                attune.run("apply", "--server-side", "--dry-run=server", "--filename=-", stdin=json.dumps(document))
            except KubectlError as error:
                raise AssertionError(f"{block.place}: {error}") from error
            seen += 1
    assert seen > 2
