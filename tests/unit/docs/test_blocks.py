"""Whatever a page shows to be typed, written or read is taken by the program that it is for."""

import re

import pytest

from testbed.docs.blocks import UNJUDGED, judge
from testbed.docs.judgement import problems
from testbed.docs.pages import Block, Page, pages
from testbed.docs.programs import commands
from testbed.docs.shell import command_lines
from testbed.services.program import REPOSITORY

COMMAND = re.compile(r"(kubectl|make|helm|attune(-executor|-operator|-worker)?) \S")
INDENTED_COMMAND = re.compile(r"^    (\$ )?(kubectl|make|helm|attune|curl) .*$", re.MULTILINE)


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_the_blocks_of_a_page(page: Page) -> None:
    assert [f"{block.place}: {flaw}" for block in page.blocks for flaw in judge(block)] == []


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_the_commands_within_a_pages_sentences(page: Page) -> None:
    named = {name for name, _ in commands()}
    shown = [code for code in page.inline_code if COMMAND.match(code) and code.removeprefix("kubectl ") not in named]
    assert [flaw for command in shown for flaw in problems(command)] == []


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_a_command_is_in_a_fenced_block_where_it_is_judged_and_can_be_copied(page: Page) -> None:
    assert [found[0] for found in INDENTED_COMMAND.finditer(page.prose)] == []


def test_what_nobody_judges_is_still_there() -> None:
    firsts = {(page.name, block.text.splitlines()[0]) for page in pages() for block in page.blocks if block.text}
    assert UNJUDGED.keys() <= firsts


def block(language: str, text: str) -> Block:
    return Block(Page(REPOSITORY / "docs" / "page.md"), language, text, 1)


@pytest.mark.parametrize(
    ("language", "text", "flaw"),
    [
        ("", "anything", "no language"),
        ("ruby", "puts 1", "ruby"),
        ("sh", "kubectl attune pause", "Missing parameter"),
        ("sh", "sudo attune statsu", "statsu"),
        ("sh", "curl -s localhost:8080/api/v1/queue", "GET /api/v1/queue"),
        ("sh", 'curl localhost:8080/api/v1/executions -d \'{"action": "a.b"}\'', "no submission"),
        ("sh", "echo 1 | attune-worker --slot 3", "--slot"),
        ("sh", 'TOKEN="$(kubectl -n attune-system frobnicate)"', "no verb"),
        ("sh", "kubectl -n attune-system logs deployment/attune-executor", "attune-executor"),
        ("sh", "kubectl get pods -l app.kubernetes.io/name=attune", "label"),
        ("sh", "kubectl apply -k manifests/overlay", "manifests/overlay"),
        ("sh", 'kubectl patch aec executor -p \'{"spec":{"emergency":true}}\'', "emergency"),
        ("sh", "helm install a manifests/chart --set image.repo=x", "image.repo"),
        ("sh", "make tests", "tests"),
        ("sh", "systemctl restart attune-workers@1", "attune-workers"),
        ("sh", "docker build --target executor .", "executor"),
        ("sh", "frobnicate --all", "frobnicate"),
        ("sh", "echo 'unfinished", "not understood"),
        ("console", "only an answer", "prompt"),
        ("yaml", "kind: ActionQueuePolicy\nspec: {actionRef: a.b, concurrency: 1, replicas: 2}", "replicas"),
        ("yaml", "kind: ActionQueuePolicy\nspec: {concurrency: 1}", "actionRef"),
        ("yaml", "kind: Kustomization\nresources: [../manifests/bases]", "bases"),
        ("yaml", "kind: Gadget", "Gadget"),
        ("yaml", "executor: {queue: {max_length: 1}}", "max_length"),
        ("yaml", "policies: {actions: {a.b: {concurrency_limit: 1, priority: 11}}}", "priority"),
        ("yaml", "tokens: [{name: ci}]", "sha256"),
        ("yaml", "a: [", "expected"),
        ("json", "{", "Expecting"),
        ("toml", "a =", "Invalid"),
        ("python", "def", "invalid syntax"),
        ("python", "from attune_executor.worker import act", "act"),
    ],
)
def test_a_planted_mistake_is_noticed(language: str, text: str, flaw: str) -> None:
    found = judge(block(language, text))
    assert len(found) == 1
    assert re.search(flaw, found[0])


def test_the_words_of_a_shell() -> None:
    text = """
$ A=1 kubectl get pods \\
    -o wide | grep -i "a b" > /tmp/file && echo done   # why
watch -n 5 kubectl attune status
T="$(kubectl create token x)"
"""
    assert list(command_lines(text)) == [
        ["kubectl", "create", "token", "x"],
        ["kubectl", "get", "pods", "-o", "wide"],
        ["grep", "-i", "a b"],
        ["echo", "done"],
        ["kubectl", "attune", "status"],
    ]
