"""`attune top` against a real API server: what it shows, what its keys do, and what it asks for."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from aiohttp import web
from textual.pilot import Pilot
from textual.widgets import Static

from attune_operator.ctl.kubernetes_api import Kubernetes
from attune_operator.ctl.options import Place, Way
from attune_operator.ctl.top.cluster_world import ClusterWorld
from attune_operator.ctl.top.queue_screen import QueueScreen
from attune_operator.ctl.top.queue_table import QueueTable
from attune_operator.ctl.top.terminal import Top
from testbed.attune.api_gate import ApiGate
from testbed.attune.attune_program import apply_policy
from testbed.attune.operators import Operators
from testbed.cluster import Kubectl

pytestmark = pytest.mark.usefixtures("policies_crd")

CALLER = "attune-caller"
INTERVAL = 0.5
SOON = 30.0


async def until(pilot: Pilot[None], holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SOON
    while not holds():
        assert time.monotonic() < deadline, what
        await pilot.pause(0.1)


async def away(_: web.Request) -> web.Response:
    return web.json_response({"message": "the API server is shutting down"}, status=503)


async def test_a_queue_is_watched_held_resumed_and_looked_into(
    operators: Operators, kubectl: Kubectl, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leader = operators.leader()
    operators.worker("default", slots=2)
    apply_policy(kubectl, namespace, "echo", "core.echo", admission="Hold")
    apply_policy(kubectl, namespace, "idle", "core.shell")
    assert leader.submit("core.echo", 3).status_code == 201
    kubeconfig = tmp_path / "gate"
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    with ApiGate(kubectl) as gate:
        kubeconfig.write_text(json.dumps(gate.kubeconfig()))
        async with Kubernetes.connect(None) as kubernetes:
            way = Way(server=leader.url, service_account=CALLER)
            world = ClusterWorld(kubernetes, Place(operator_namespace=namespace), way, [])
            top = Top(world, namespace, interval=INTERVAL, namespaces=False, first=await world.look())
            async with top.run_test(size=(150, 40), notifications=True) as pilot:
                table = top.query_one(QueueTable)
                heading = top.query_one("#heading", Static)

                def row(number: int) -> list[str]:
                    return [cell.plain for cell in table.get_row_at(number)] if number < table.row_count else []

                def drawn() -> str:
                    return top.export_screenshot().replace("&#160;", " ")

                await until(pilot, lambda: row(0)[1:3] == ["core.echo", "3"], "three wait")
                assert row(0)[-1] == "paused"
                assert table.row_count == 2

                begun = time.monotonic()

                def asked() -> list[str]:
                    return [seen.path.rpartition("/")[2] for seen in gate.since(begun)]

                await until(pilot, lambda: asked().count("actionqueuepolicies") >= 4, "it looks again and again")
                seen = asked()
                # A look is two questions, and there is one at the beginning of each interval.
                assert len(seen) <= 2 * ((time.monotonic() - begun) / INTERVAL + 1)
                assert set(seen) == {"actionqueuepolicies", "executor", "attune-operator"}

                await pilot.press("enter")
                await until(pilot, lambda: isinstance(top.screen, QueueScreen), "one queue")
                await until(pilot, lambda: "requested" in drawn(), "what waits")
                assert "admission is Hold" in drawn()

                gate.fault = lambda _: away
                await until(pilot, lambda: "nobody has answered since" in str(heading.render()), "the API is away")
                assert row(0)[1:3] == ["core.echo", "3"]
                gate.fault = None
                await until(pilot, lambda: "nobody has answered" not in str(heading.render()), "the API is back")

                await pilot.press("u")
                await until(pilot, lambda: len(top.screen_stack) == 3, "a question")
                await pilot.press("y")
                await until(pilot, lambda: row(0)[2] == "0" and "Open" in row(0), "it is resumed and drains")
    assert leader.queue("core.echo")["total_completed"] == 3
