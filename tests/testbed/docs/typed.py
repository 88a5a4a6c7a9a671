"""Which tests type the commands of which page on the real thing, and which commands nobody types, and why."""

from collections.abc import Iterator, Mapping
from typing import Final

from testbed.docs.pages import Page

_CLUSTER: Final = "tests/cluster/test_docs.py"
_INSTALLED: Final = "tests/cluster/test_install_docs.py"
_INTEGRATION: Final = "tests/integration/test_standalone_docs.py"
EVERY_PAGE: Final = ""

TYPED_BY: Final[Mapping[str, str]] = {
    "README.md": _INSTALLED,
    "docs/how-to/doctor.md": _CLUSTER,
    "docs/how-to/emergency.md": _CLUSTER,
    "docs/how-to/gitops.md": _CLUSTER,
    "docs/how-to/install.md": _INSTALLED,
    "docs/how-to/kubectl-attune.md": _CLUSTER,
    "docs/how-to/maintenance.md": _CLUSTER,
    "docs/how-to/secure.md": _CLUSTER,
    "docs/how-to/upgrade.md": _INSTALLED,
    "docs/runbook.md": _CLUSTER,
    "docs/tutorial.md": _CLUSTER,
    "docs/how-to/standalone.md": _INTEGRATION,
}
"""The pages whose commands are typed, and the test that does it."""
UNTYPED: Final[Mapping[str, Mapping[str, str]]] = {
    EVERY_PAGE: {
        "make ": "`make test` is what runs this; the others start clusters and servers for minutes to hours",
        "kubectl attune dashboard": "goes on until it is left; tests/cluster/test_dashboard_command.py has it",
        "kubectl -n attune-system port-forward": "goes on until it is left; the test has a forward of its own",
        "uv tool install": "asks a package index, and writes into the home of whoever runs the tests",
        "docker build": "the registry is the reader's; testbed.images builds the same stages for every test",
    },
    "docs/explanation/scaling.md": {"PYTHONPATH=tests uv": "draws days of traffic; tests/scaling simulates the same"},
    "docs/how-to/install.md": {"dropdb": "the server is not this machine's; it is PostgreSQL's own program"},
    "docs/how-to/standalone.md": {
        "python3 -m venv": "asks a package index; the programs under test are installed",
        "/opt/attune/bin/pip": "as above",
    },
    "docs/how-to/write-actions.md": {
        "pip install": "asks a package index; tests/integration/test_worker_action_package.py does without one",
        "attune-worker": "the same test runs a worker with the package",
    },
}
"""By page, the beginnings of commands that nobody types as they stand, and why."""


def commands(page: Page) -> Iterator[str]:
    """The lines of a page's shell, each with those that continue it."""
    for block in page.blocks:
        if block.language == "sh":
            lines = block.text.replace("\\\n", " ").splitlines()
            yield from (line for line in lines if line.strip() and not line.lstrip().startswith("#"))


def untyped(page: Page) -> tuple[str, ...]:
    """The beginnings of those commands of a page that nobody types."""
    return (*UNTYPED[EVERY_PAGE], *UNTYPED.get(page.name, ()))
