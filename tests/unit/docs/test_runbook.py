"""The project answers every heading of the runbook, with things that are there; where it does not, this test fails."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from integration.runbook import NAMES
from testbed.docs.cli import app
from testbed.docs.counterparts import PAGE, Counterpart, Entry, contents, flaw, gaps
from testbed.docs.pages import Page


def with_text(text: str) -> Page:
    page = Page(PAGE)
    page.__dict__["text"] = text
    return page


def test_every_heading_has_a_section_and_every_section_an_answer_that_is_there() -> None:
    assert gaps(contents(), Page(PAGE)) == []


def test_the_headings_are_the_runbooks() -> None:
    """As many of each level as the runbook has, its steps and solutions included."""
    levels = [entry.level for entry in contents()]
    assert {level: levels.count(level) for level in set(levels)} == {1: 1, 2: 10, 3: 22, 4: 33, 5: 11}


def test_every_statement_of_the_runbook_belongs_to_a_heading() -> None:
    assert {each.name for entry in contents() for each in entry.counterparts if each.kind == "sql"} == set(NAMES)


def test_a_section_that_is_gone_is_noticed() -> None:
    (found,) = gaps(contents(), with_text(Page(PAGE).text.replace("#### 2. Check Worker Status\n", "")))
    assert "2. Check Worker Status" in found


def test_a_section_that_no_longer_names_its_answer_is_noticed() -> None:
    command = "kubectl attune check --warning 100 --critical 500"
    (found,) = gaps(contents(), with_text(Page(PAGE).text.replace(command, "ask somebody")))
    assert found == f"Alerting Rules: the section does not name command {command}"


def planted(at: int, counterparts: Sequence[Counterpart]) -> list[Entry]:
    entries = contents()
    entries[at] = replace(entries[at], counterparts=counterparts)
    return entries


def test_a_heading_without_an_answer_is_noticed() -> None:
    assert gaps(planted(3, []), Page(PAGE)) == [f"{contents()[3].heading}: nothing answers it"]


@pytest.mark.parametrize(
    "answer",
    [
        Counterpart("command", "kubectl attune statsu"),
        Counterpart("command", "kubectl attune status --bogus"),
        Counterpart("command", "kubectl attune capacity --slots many"),
        Counterpart("kubectl", "kubectl -n attune-system rollout restart deployment/attune-executor"),
        Counterpart("kubectl", "kubectl -n attune-system logs -l app=attune"),
        Counterpart("kubectl", 'kubectl patch aqp http-get -p \'{"spec":{"concurency":10}}\''),
        Counterpart("metric", "attune_queue_depth"),
        Counterpart("alert", "QueueDepthHigh"),
        Counterpart("field", "spec.workers.replicas"),
        Counterpart("endpoint", "POST /api/v1/queues"),
        Counterpart("endpoint", "GET /api/v1/executions?state=running"),
        Counterpart("setting", "executor.queue.max_length"),
        Counterpart("sql", "active_queue"),
        Counterpart("page", "how-to/kubectl-attune.md#looking"),
        Counterpart("make", "documentation"),
        Counterpart("prayer", "that it works"),
    ],
    ids=str,
)
def test_an_answer_that_does_not_exist_is_noticed(answer: Counterpart) -> None:
    assert flaw(answer) is not None
    found = gaps(planted(3, [answer]), Page(PAGE))
    assert any(str(answer) in each for each in found)


def test_the_list_is_printed() -> None:
    printed = CliRunner().invoke(app, ["runbook", "--heading", "issue 4"]).output
    assert printed.startswith("    - Issue 4: FIFO Order Violation: ")
    assert "alert `FifoOrderViolated`" in printed
