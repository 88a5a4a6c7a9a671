"""`attune top` in front of a real backlog, drawn as it looks on a terminal."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from textual.pilot import Pilot

from attune_operator.ctl.kubernetes_api import Kubernetes
from attune_operator.ctl.options import Place, Way
from attune_operator.ctl.top.cluster_world import ClusterWorld
from attune_operator.ctl.top.terminal import Top
from testbed.attune.client import Caller, Wanted

_SIZE: Final = (148, 16)
_TALLER: Final = (148, 44)
_SECONDS: Final = 75
_INTERVAL: Final = 2.0
_REMOTE_FONTS: Final = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
"""Textual's pictures name fonts of another server, which they do without."""


async def draw(namespace: str, service_account: str, caller: Caller, folder: Path) -> list[Path]:
    """Bring work in for a while, watch it, and write pictures of all queues and of one; returns their paths."""
    place = Place(operator_namespace=namespace)
    async with Kubernetes.connect(None) as kubernetes:
        world = ClusterWorld(kubernetes, place, Way(service_account=service_account), [])
        first = await world.look()
        top = Top(world, namespace, interval=_INTERVAL, namespaces=False, first=first)
        async with top.run_test(size=_SIZE) as pilot:
            for second, wanted in enumerate(_waves()):
                if wanted:
                    await caller.submit(wanted)
                await pilot.pause(1.0)
                if second >= _SECONDS:
                    break
            pictures = [_write(top, folder / "top.svg")]
            await pilot.resize_terminal(*_TALLER)
            await _settle(pilot, "enter")
            pictures.append(_write(top, folder / "top-one-queue.svg"))
    return pictures


def _waves() -> Iterator[list[Wanted]]:
    """What is asked for in each second: one queue is flooded in three waves, one grows, one keeps up."""
    second = 0
    while True:
        wanted = [Wanted("core.echo", {"message": "n"})] * 6
        if second in {6, 26, 50}:
            wanted += [Wanted("core.sleep", {"seconds": 2.5}) for _ in range(330)]
        if second % 2 == 0:
            wanted += [Wanted("core.shell", {"command": "sleep 1"}) for _ in range(6)]
        if second % 3 == 0:
            wanted.append(Wanted("billing.report", {}))
        yield [Wanted(item.action_ref, item.parameters) for item in wanted]
        second += 1


async def _settle(pilot: Pilot[None], key: str) -> None:
    await pilot.press(key)
    await asyncio.sleep(4 * _INTERVAL)
    await pilot.pause()


def _write(top: Top, path: Path) -> Path:
    path.write_text(_REMOTE_FONTS.sub("", top.export_screenshot(title="kubectl attune top")), encoding="utf-8")
    return path
