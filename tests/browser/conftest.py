"""A Chromium, and an executor with a worker for it to look at: a set for each module, since browsers start slowly."""

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from playwright.sync_api import Browser, Page, expect

from testbed.attune.callers import bearer
from testbed.attune.processes import AttuneProcesses, HostProcess
from testbed.chromium import chromium
from testbed.services.postgres import PostgresServer
from testbed.services.rabbitmq import RabbitMQServer

SRE, VIEWER = "sre-0f6d1c2b9e7a48f3", "viewer-5be1c9d70a2f4e86"
"""Tokens: of who may do everything, and of who may only look."""
_TOKENS = {
    "tokens": [
        {"name": "sre", "sha256": sha256(SRE.encode()).hexdigest()},
        {"name": "viewer", "sha256": sha256(VIEWER.encode()).hexdigest(), "verbs": ["get", "list"]},
        {"name": "narrow", "sha256": sha256(b"narrow").hexdigest(), "verbs": ["list"], "actions": ["core.echo"]},
    ]
}
HOSTILE = '<img src=x onerror="document.title=1">'
POLICIES: dict[str, dict[str, Any]] = {
    "core.echo": {"concurrency_limit": 5},
    "core.sleep": {"concurrency_limit": 2},
    **{f"held.{length}": {"concurrency_limit": 1, "admission": "Hold"} for length in (30, 101, 501, 1001)},
    HOSTILE: {"concurrency_limit": 1, "admission": "Hold"},
}
PATIENCE_MS = 60_000
expect.set_options(timeout=PATIENCE_MS)


@dataclass
class Stage:
    """An executor, and what calls it."""

    processes: AttuneProcesses
    executor: HostProcess
    folder: Path
    strangers: list[str] = field(default_factory=list[str])
    """Requests of pages for anything but the executor."""

    def submit(self, action_ref: str, count: int = 1, **parameters: Any) -> list[int]:
        execution = {"action_ref": action_ref, "parameters": parameters}
        answer = httpx.post(
            f"{self.processes.url}/api/v1/executions",
            json={"executions": [execution] * count},
            headers=bearer(SRE),
            timeout=60,
        )
        data = answer.raise_for_status().json()["data"]
        return [each["id"] for each in data]

    def cancel(self, *ids: int) -> None:
        """End what was submitted to last until a test has seen it."""
        for each in ids:
            url = f"{self.processes.url}/api/v1/executions/{each}/cancel"
            httpx.post(url, headers=bearer(SRE), timeout=60).raise_for_status()

    def configure(self, **sections: Any) -> None:
        """Have the executor follow another configuration."""
        (self.folder / "config.yaml").write_text(yaml.safe_dump({"policies": {"actions": POLICIES}, **sections}))
        os.kill(self.executor.pid, signal.SIGHUP)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def stage(
    postgres_server: PostgresServer,
    rabbitmq_server: RabbitMQServer,
    migrated_template: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("dashboard")
    tokens = folder / "tokens.yaml"
    tokens.write_text(yaml.safe_dump(_TOKENS))
    database, vhost = postgres_server.create_database(migrated_template), rabbitmq_server.create_vhost()
    urls = postgres_server.database_url(database), rabbitmq_server.vhost_url(vhost)
    with AttuneProcesses(folder, *urls, POLICIES, {"ATTUNE__API__TOKENS_FILE": str(tokens)}) as processes:
        stage = Stage(processes, processes.executor(), folder)
        processes.worker()
        yield stage
        assert stage.strangers == []
        assert "Traceback" not in stage.executor.log()
        assert SRE not in stage.executor.log()
    postgres_server.drop_database(database)
    rabbitmq_server.delete_vhost(vhost)


Open = Callable[..., Page]


@pytest.fixture
def show(browser: Browser, stage: Stage) -> Iterator[Open]:
    """Opens the dashboard, as who has the token; what goes wrong in a page fails the test."""
    contexts: list[Any] = []
    problems: list[str] = []

    def open_page(address: str = "", token: str | None = SRE, scheme: Any = "light") -> Page:
        context = browser.new_context(color_scheme=scheme, viewport={"width": 1360, "height": 820})
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        if token:
            context.add_init_script(f"sessionStorage.setItem('attune.token', '{token}')")
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))

        def seen(url: str) -> None:
            if not url.startswith((stage.processes.url, "data:")):
                stage.strangers.append(url)

        page.on("request", lambda request: seen(request.url))
        page.goto(f"{stage.processes.url}/{address}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert problems == []
