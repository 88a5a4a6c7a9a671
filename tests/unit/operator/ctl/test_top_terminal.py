"""`attune top` on a terminal: keys, filter, one queue, what is shown while nobody answers."""

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import pytest
from textual.pilot import Pilot
from textual.widgets import Static
from typer.testing import CliRunner

from attune_executor.domain.policy import Admission
from attune_operator.ctl.errors import EXIT_USAGE, UnreachableError
from attune_operator.ctl.main import app
from attune_operator.ctl.top.queue_screen import QueueScreen
from attune_operator.ctl.top.queue_table import QueueTable
from attune_operator.ctl.top.terminal import Top
from unit.operator.ctl.top_world import MakePolicy, ToyWorld, look, with_status

INTERVAL = 0.1
SOON = 60.0


class Shown:
    """What is on the terminal."""

    def __init__(self, top: Top, pilot: Pilot[None], world: ToyWorld) -> None:
        self.top = top
        self.pilot = pilot
        self.world = world

    def actions(self) -> list[str]:
        table = self.top.screen_stack[0].query_one(QueueTable)
        return [table.get_row_at(number)[1].plain for number in range(table.row_count)]

    def heading(self) -> str:
        return str(self.top.screen_stack[0].query_one("#heading", Static).render())

    async def until(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + SOON
        while not holds():
            assert time.monotonic() < deadline, self.heading()
            await self.pilot.pause(INTERVAL)

    async def until_actions(self, wanted: list[str]) -> None:
        await self.until(lambda: self.actions() == wanted)

    async def until_drawn(self, text: str) -> None:
        await self.until(lambda: text in self.top.export_screenshot().replace("&#160;", " "))

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()


@asynccontextmanager
async def started(make_policy: MakePolicy) -> AsyncGenerator[Shown]:
    a = with_status(make_policy("a", actionRef="core.a"), queueLength=1, activeCount=9)
    b = with_status(make_policy("b", actionRef="core.b"), queueLength=700, activeCount=2)
    world = ToyWorld(look(a, b))
    top = Top(world, "attune-system", interval=INTERVAL, namespaces=False, first=world.now)
    async with top.run_test(size=(150, 30), notifications=True) as pilot:
        yield Shown(top, pilot, world)


async def test_keys_sort_and_turn_round(make_policy: MakePolicy) -> None:
    async with started(make_policy) as shown:
        await shown.until_actions(["core.b", "core.a"])
        await shown.press("n")
        await shown.until_actions(["core.a", "core.b"])
        await shown.press("n")
        await shown.until_actions(["core.b", "core.a"])
        await shown.press("r")
        await shown.until_actions(["core.a", "core.b"])
        await shown.press("R")
        await shown.until_actions(["core.b", "core.a"])


async def test_a_filter_is_typed_kept_and_dropped(make_policy: MakePolicy) -> None:
    async with started(make_policy) as shown:
        await shown.press("slash", *"core.a")
        await shown.until_actions(["core.a"])
        await shown.press("enter", "n")
        await shown.until_actions(["core.a"])
        await shown.press("escape")
        await shown.until_actions(["core.a", "core.b"])


async def test_the_cursor_stays_on_its_queue_while_rows_move(make_policy: MakePolicy) -> None:
    async with started(make_policy) as shown:
        await shown.press("down", "n")
        await shown.until_actions(["core.a", "core.b"])
        await shown.press("p")
        await shown.until(lambda: len(shown.top.screen_stack) == 2)
        await shown.press("y")
        await shown.until(lambda: bool(shown.world.admitted))
        assert shown.world.admitted == [("core.a", Admission.HOLD)]


async def test_pausing_asks_and_takes_no_for_an_answer(make_policy: MakePolicy) -> None:
    async with started(make_policy) as shown:
        await shown.press("u")
        await shown.until(lambda: len(shown.top.screen_stack) == 2)
        await shown.press("n")
        shown.world.allowed = False
        await shown.press("p")
        await shown.until_drawn("You may not")
        assert (shown.world.admitted, len(shown.top.screen_stack)) == ([], 1)


async def test_one_queue_is_shown_with_its_executions(make_policy: MakePolicy) -> None:
    async with started(make_policy) as shown:
        await shown.press("enter")
        await shown.until(lambda: isinstance(shown.top.screen, QueueScreen))
        for text in ("running core.b", "requested", "all is well", "nothing is scaled"):
            await shown.until_drawn(text)
        # Meanwhile another queue has become the longest: the one that is shown is meant all the same.
        longest = with_status(make_policy("c", actionRef="core.c"), queueLength=9000)
        shown.world.now = look(*shown.world.now.policies.values(), longest)
        await shown.until(lambda: shown.actions()[0] == "core.c")
        await shown.press("p")
        await shown.until(lambda: len(shown.top.screen_stack) == 3)
        await shown.press("y")
        await shown.until(lambda: shown.world.admitted == [("core.b", Admission.HOLD)])
        await shown.press("d", "escape")
        await shown.until(lambda: len(shown.top.screen_stack) == 1)


async def test_the_last_picture_stays_while_nobody_answers(make_policy: MakePolicy) -> None:
    async with started(make_policy) as shown:
        shown.world.problem = UnreachableError("the Kubernetes API does not answer")
        await shown.until(lambda: "nobody has answered since" in shown.heading())
        await shown.until_actions(["core.b", "core.a"])
        await shown.press("enter")
        await shown.until_drawn("Executions cannot be shown")
        await shown.press("escape")
        shown.world.problem = None
        await shown.until(lambda: "nobody has answered since" not in shown.heading())


async def test_what_is_new_appears_and_what_is_gone_goes(make_policy: MakePolicy) -> None:
    async with started(make_policy) as shown:
        shown.world.now = look(*shown.world.now.policies.values(), with_status(make_policy("c", actionRef="core.c")))
        await shown.until_actions(["core.b", "core.a", "core.c"])
        shown.world.now = look(with_status(make_policy("c", actionRef="core.c"), queueLength=1234))
        await shown.until_actions(["core.c"])
        await shown.until_drawn("1234")


async def test_help_names_every_key(make_policy: MakePolicy) -> None:
    async with started(make_policy) as shown:
        await shown.press("question_mark")
        for text in ("d w r n t", "thresholds"):
            await shown.until_drawn(text)
        await shown.press("x")
        await shown.until(lambda: len(shown.top.screen_stack) == 1)


async def test_no_color_is_heeded(make_policy: MakePolicy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with started(make_policy) as shown:
        assert shown.top.no_color


def test_without_a_terminal_it_names_what_to_use() -> None:
    result = CliRunner().invoke(app, ["top"])
    assert result.exit_code == EXIT_USAGE
    assert "attune status" in result.stderr
