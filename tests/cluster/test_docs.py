"""What the pages show works on a real cluster: the tutorial from its first line to its last, the runbook's commands."""

import json
import re

import pytest

from testbed.attune.callers import until_allowed
from testbed.attune.cluster_view import ClusterView
from testbed.attune.port_forward import PortForward
from testbed.cluster.errors import KubectlError
from testbed.docs import schemas
from testbed.docs.blocks import KUBERNETES_OWN, documents
from testbed.docs.counterparts import PAGE
from testbed.docs.fixtures import ACCOUNT, EXAMPLES
from testbed.docs.pages import Page, pages
from testbed.docs.typed import commands, untyped
from testbed.docs.typist import Typist
from testbed.services.program import REPOSITORY

pytestmark = pytest.mark.timeout(600)

HOW_TO = Page(REPOSITORY / "docs/how-to/kubectl-attune.md")
TUTORIAL = Page(REPOSITORY / "docs/tutorial.md")
NEEDS_METRICS_SERVER = "kubectl -n attune-system top"
CHANGES = ("rollout", "patch", "set", "delete", "create", "apply", "annotate", "scale")


def test_the_tutorial(typist: Typist, attune: ClusterView) -> None:
    assert attune.policies() == []
    printed = dict(typist.type_page(TUTORIAL))

    assert "succeeded" in printed["kubectl attune submit core.sleep --param seconds=1 --wait"]
    assert "No problem found" in printed["kubectl attune doctor"]
    message = next(text for line, text in printed.items() if "scaling.message" in line)
    assert message
    assert "paused" in printed["kubectl attune pause first-queue"]
    assert attune.policies() == []


def can_be_tried(command: str) -> bool:
    """Whether a command of attune's knows how to be tried dry."""
    return any(f"attune {word}" in command for word in ("complete", "emergency", "purge"))


@pytest.mark.usefixtures("examples")
def test_the_runbooks_commands(typist: Typist, attune: ClusterView) -> None:
    """Those that look are typed as they stand, those that change something as a dry run; each of attune's once."""
    metrics_server = "metrics.k8s.io" in attune.kubectl.run("api-versions")
    page = Page(PAGE)
    inline = (code for code in page.inline_code if code.startswith("kubectl ") and len(code.split()) > 2)
    blocks = (line for line in commands(page) if " psql " not in line)
    shown = {
        code if code.startswith("kubectl -n ") else " ".join(code.split()[:3]): code
        for code in (*inline, *blocks)
        if not code.startswith(untyped(page))
    }
    typed = 0
    for command in shown.values():
        if command.startswith(NEEDS_METRICS_SERVER) and not metrics_server:
            continue
        changes = command.split()[3] in CHANGES if command.startswith("kubectl -n ") else can_be_tried(command)
        dry = " --dry-run=server" if command.startswith("kubectl -n ") else " --dry-run"
        line = command + (dry if changes else "")
        if " rollout " in command:
            # Neither restart nor undo can be tried dry, the one never, the other without an earlier revision.
            line = re.sub(r"rollout (restart|undo)", "rollout history", command)
        typist.type(line)
        typed += 1
    assert typed > 30


@pytest.mark.usefixtures("examples")
def test_the_how_to_of_the_command_line(typist: Typist, attune: ClusterView) -> None:
    # Measured first: the page asks for the capacity that core.shell needs.
    typist.type("attune submit core.shell --param command=date --wait --timeout 60")
    attune.run("wait", "aqp/shell", "--for=jsonpath={.status.scaling.averageDurationSeconds}", "--timeout=60s")
    # They run until the page ends them, however long it takes to get there.
    submitted = json.loads(typist.type("attune submit core.shell --param command='sleep 900' --count 4 --output json"))
    first, second, third, fourth = (each["id"] for each in submitted)
    attune.run("patch", "aqp", "sleep-in-turn", "--type=merge", '--patch={"spec":{"concurrency":20}}')
    (typist.folder / "request.json").write_text(json.dumps({"url": "http://attune-executor:8080/livez"}))
    typist.looks = ()
    typist.replaced = {
        "complete --force 1042 1043": f"complete --force {third} {fourth}",
        '"disk full on node 7"': '"disk full on node 7" --yes',
        "purge core.shell": "purge core.shell --yes",
        "1042": str(first),
        "1043": str(second),
        "create rolebinding nagios": "create rolebinding nagios --dry-run=server",
        "scale deployment": "scale --dry-run=server deployment",
        "export ATTUNE_SERVICE_ACCOUNT=sre": f"export ATTUNE_SERVICE_ACCOUNT={ACCOUNT}",
        "--rate-limit 500": "--rate-limit 500 --yes",
        "emergency off": "emergency off --yes",
        "-o /tmp": f"-o {typist.folder}",
    }
    printed = {" ".join(line.split("#")[0].split()): text for line, text in typist.type_page(HOW_TO)}

    assert "→ 3 workers recommended" in printed["kubectl attune capacity --peak 10000 --duration 5 --slots 10"]
    assert printed["kubectl attune cancel 1042 1043"].count("core.shell") == 2
    assert "Emergency mode is off" in printed["kubectl attune emergency off"]
    assert len(list(typist.folder.glob("attune-incident-*.tar.gz"))) == 3
    assert attune.get("aec", "executor")["spec"]["emergencyMode"] is False


@pytest.mark.usefixtures("examples")
@pytest.mark.parametrize("name", ["emergency", "gitops", "maintenance"])
def test_a_how_to(typist: Typist, attune: ClusterView, name: str) -> None:
    policy = (EXAMPLES / "http-get.yaml").read_text(encoding="utf-8").replace("attune-system", attune.namespace)
    (typist.folder / "policy.yaml").write_text(policy)
    printed = list(typist.type_page(Page(REPOSITORY / f"docs/how-to/{name}.md")))

    assert printed
    if name == "emergency":
        assert any(text.endswith("condition met\n") for _, text in printed)
        attune.run("wait", "aqp/http-get", "--for=jsonpath={.status.maxQueueLength}=20000", "--timeout=60s")
        attune.run("wait", "aec/executor", "--for=condition=EmergencyMode=False", "--timeout=60s")


@pytest.mark.usefixtures("examples")
def test_the_how_to_of_the_doctor(typist: Typist) -> None:
    page = Page(REPOSITORY / "docs/how-to/doctor.md")
    everything, some, document = (text for _, text in typist.type_page(page))
    for text in (everything, some):
        (counted,) = re.findall(r"\d+ checks", text)
        assert counted in page.text
    assert json.loads(document)["queues"] == 3


@pytest.mark.usefixtures("examples")
def test_who_may_do_what(typist: Typist, attune: ClusterView, forward: PortForward) -> None:
    typist.replaced = {"localhost:8080": forward.url().removeprefix("http://")}
    submitted = ""
    for line, text in typist.type_page(Page(REPOSITORY / "docs/how-to/secure.md")):
        if "create rolebinding" in line:
            until_allowed(attune.kubectl, attune.namespace, "ci", "create", "actionqueuepolicies/http-get")
        if line.startswith("curl"):
            submitted = text
            refused = typist.type(line.replace("core.http.get", "core.shell"))
            assert json.loads(refused)["code"] == "forbidden"

    assert json.loads(submitted)["data"]["action_ref"] == "core.http.get"
    assert json.loads(typist.type(f"curl -s {forward.url()}/api/v1/queues"))["code"] == "unauthenticated"


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
