"""The dashboard in front of a real backlog: a real operator on the cluster, workers as processes of this machine.

The worker Deployments are real and scaled by the operator. Their pods have nowhere to run, so that no image is needed.
"""

import asyncio
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, Page, expect

from attune_executor.adapters.postgres.migration import migrate
from attune_operator.crds import CRD_DIRECTORY
from testbed.attune.idle_workers import IDLE_WORKERS
from testbed.attune.operators import OperatorReplica, Operators
from testbed.chromium import chromium
from testbed.cluster.fixtures import fresh_namespace
from testbed.cluster.kubectl import Kubectl
from testbed.dashboard.actions import REFS
from testbed.dashboard.pack import install
from testbed.services.postgres import PostgresServer
from testbed.services.rabbitmq import RabbitMQServer

SECONDS: Final = 240
_WORKERS: Final = {"workers": 3, "mail-workers": 1, "vm-workers": 2}
"""Workers that run, by Deployment."""
_OF: Final = {"mail": "mail-workers", "webhooks": "mail-workers", "vm": "vm-workers"}
_LIMITS: Final = {"mail.send": 10, "images.resize": 6, "vm.provision": 8}
_RUN_SECONDS: Final = {"images.resize": 4.0, "mail.send": 2.5, "vm.provision": 14.0, "catalog.reindex": 25.0}
_SHOWN: Final = "images.resize"


def draw(kubectl: Kubectl, folder: Path) -> list[Path]:
    """Bring work in for some minutes, then draw all queues and one of them in both themes; returns the pictures."""
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="attune-picture-")))
        rabbitmq, postgres = RabbitMQServer(), PostgresServer()
        for server in (rabbitmq, postgres):
            stack.callback(server.discard)
            server.launch()
        for server in (postgres, rabbitmq):
            server.wait_ready()
        kubectl.run("apply", "--kustomize", str(CRD_DIRECTORY))
        namespace = stack.enter_context(fresh_namespace(kubectl))
        kubectl.apply([_in(namespace, each) for each in (*_deployments(), *_policies())])
        database = postgres.database_url(postgres.create_database(postgres.template("migrated", _migrate)))
        operators = stack.enter_context(
            Operators(place, kubectl, namespace, database, rabbitmq.vhost_url(rabbitmq.create_vhost()))
        )
        leader = operators.leader()
        pack = install(place / "pack")
        for pool, count in _WORKERS.items():
            for _ in range(count):
                operators.worker(pool, 10, **pack)
        _keep_busy(leader)
        return _take(stack.enter_context(chromium()), leader, folder)


def _migrate(url: str) -> None:
    asyncio.run(migrate(url))


def _in(namespace: str, manifest: dict[str, Any]) -> dict[str, Any]:
    manifest["metadata"]["namespace"] = namespace
    return manifest


def _deployments() -> Iterator[dict[str, Any]]:
    for name in _WORKERS:
        deployment = deepcopy(IDLE_WORKERS)
        deployment["metadata"]["name"] = name
        spec = deployment["spec"]
        spec["selector"]["matchLabels"]["app"] = spec["template"]["metadata"]["labels"]["app"] = name
        yield deployment


def _policies() -> Iterator[dict[str, Any]]:
    for ref in REFS:
        deployment = _OF.get(ref.partition(".")[0], "workers")
        workers = {"deployment": deployment, "slotsPerWorker": 10, "minReplicas": 1, "maxReplicas": 8}
        yield {
            "apiVersion": "attune.io/v1alpha1",
            "kind": "ActionQueuePolicy",
            "metadata": {"name": ref.replace(".", "-").replace("_", "-")},
            "spec": {
                "actionRef": ref,
                "concurrency": _LIMITS.get(ref, 4),
                "maxQueueLength": 5000,
                "admission": "Hold" if ref == "reports.nightly" else "Open",
                "workers": workers,
            },
        }


def _keep_busy(leader: OperatorReplica) -> None:
    """One queue is flooded, one grows, one comes back down, others keep up."""
    begun = time.monotonic()
    for second in range(0, SECONDS, 2):
        wanted = {"tickets.escalate": 3, "ldap.sync_groups": 2, "images.resize": 7, "webhooks.deliver": 4}
        wanted |= {"vm.provision": 24, "dns.update_zone": 30, "catalog.reindex": 3} if second % 60 == 20 else {}
        wanted |= {"mail.send": 950} if second in {70, 130} else {}
        wanted |= {"reports.nightly": 60, "billing.charge_card": 20} if second == 100 else {}
        for ref, count in wanted.items():
            fails = ref == "billing.charge_card" or (ref == "images.resize" and second % 34 == 0)
            leader.submit(ref, count, seconds=_RUN_SECONDS.get(ref, 1.2), fails=fails)
        time.sleep(max(0.0, begun + second + 2 - time.monotonic()))


def _take(browser: Browser, leader: OperatorReplica, folder: Path) -> list[Path]:
    pictures: list[Path] = []
    token = leader.headers["Authorization"].removeprefix("Bearer ")
    for scheme in ("light", "dark"):
        context = browser.new_context(color_scheme=scheme, viewport={"width": 1280, "height": 700})
        context.add_init_script(f"sessionStorage.setItem('attune.token', '{token}')")
        page = context.new_page()
        page.goto(leader.url)
        expect(page.locator("tr[data-action]")).to_have_count(len(REFS))
        pictures.append(_picture(page, folder / f"dashboard-{scheme}.png"))
        page.goto(f"{leader.url}/#/queue/{_SHOWN}")
        expect(page.get_by_role("region", name="Has ended").locator("tbody tr").first).to_be_visible()
        page.set_viewport_size({"width": 1280, "height": 800})
        pictures.append(_picture(page, folder / f"dashboard-queue-{scheme}.png"))
        context.close()
    return pictures


def _picture(page: Page, file: Path) -> Path:
    page.evaluate("document.activeElement?.blur()")
    page.screenshot(path=file, animations="disabled")
    return file
