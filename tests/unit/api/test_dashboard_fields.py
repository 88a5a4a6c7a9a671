"""What the dashboard reads of the API's answers is sent: by the names that its modules call the objects by."""

import re
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import orjson
import pytest

from attune_executor.api.live import AbsentQueues
from attune_executor.api.picture import THRESHOLDS, pool_row, state_row
from attune_executor.api.scaling import ScalingDecision
from attune_executor.domain.emergency import Emergency
from attune_executor.domain.pool_size import PoolSize
from testbed.docs.configuration import every_key
from testbed.docs.inventory import has_endpoint, openapi
from unit.api.api_world import api_world

MODULES: Final = {
    path.name: path.read_text(encoding="utf-8")
    for path in Path(str(files("attune_executor") / "dashboard")).glob("*.js")
}
LISTED: Final = ("Execution", "ListedExecution", "WaitingExecution", "ScalingDecision", "Permissions")
"""What lists are of, whose entries the modules call ``each``; and what is read of a single answer."""
OF_THE_PAGE: Final = frozenset({"age", "notes", "row", "severity"})
"""What the page itself puts beside a row."""
OF_ELEMENTS: Final = frozenset({"dataset", "querySelector", "scrollIntoView", "find"})
"""What every row of a table, or list, has in a browser."""
READ: Final = re.compile(r"\b(row|pool|decision|picture|thresholds|each)\??\.(\w+)")
SEVERAL_WORDS: Final = re.compile(r"\b[a-z]+(?:_[a-z0-9]+)+\b")
ASKED: Final = re.compile(r"[\"`](api/v1/[\w/-]*(?:\$\{(?:part\(ref\)|id)\}[\w/-]*)*)")


async def picture() -> dict[str, Any]:
    """What the stream begins with, of an executor with one queue."""
    async with api_world() as world:
        await world.declare()
        text = (await world.client.get("/api/v1/stream?seconds=0")).text
    return orjson.loads(text.partition("data: ")[2])


def properties(name: str) -> set[str]:
    return set(openapi()["components"]["schemas"][name]["properties"])


async def sent() -> dict[str, set[str]]:
    """The keys of what the API sends, by the name that the modules have for it."""
    document = await picture()
    (row,) = document["queues"].values()
    return {
        "row": {*row},
        "pool": {*pool_row(PoolSize(1, 0, 1, 0))},
        "decision": ScalingDecision.model_fields.keys() - {"ledger"},
        "picture": {*document},
        "thresholds": {*THRESHOLDS},
        "each": {*OF_THE_PAGE}.union(*map(properties, LISTED)),
    }


async def test_what_is_read_is_sent() -> None:
    known = await sent()
    read = {(name, *found) for name, text in MODULES.items() for found in READ.findall(text)}
    assert len(read) > 60
    assert {each for each in read if each[2] not in known[each[1]] | OF_ELEMENTS} == set()


async def test_every_name_of_several_words_is_the_apis_or_the_configurations() -> None:
    """The API's names have underscores and the page's own have none: one that nobody sends is seen wherever it is."""
    emergency = {*state_row(AbsentQueues().health(), Emergency(), scales=True)["emergency"]}
    configured = {part for key in every_key() for part in key.path.split(".")}
    known = set[str]().union(*(await sent()).values(), emergency, configured)
    used = {(name, word) for name, text in MODULES.items() for word in SEVERAL_WORDS.findall(text)}
    assert {each for each in used if each[1] not in known} == set()


@pytest.mark.parametrize("path", sorted({path for text in MODULES.values() for path in ASKED.findall(text)}))
def test_what_is_asked_for_is_answered(path: str) -> None:
    filled = "/" + path.replace("${part(ref)}", "core.echo").replace("${id}", "1")
    assert has_endpoint("GET", filled) or has_endpoint("POST", filled)
