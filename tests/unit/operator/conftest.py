"""Objects that the operator's tests are made of."""

from collections.abc import Callable
from typing import Any

import pytest

from attune_operator.resources import ActionQueuePolicy

MakePolicy = Callable[..., ActionQueuePolicy]


@pytest.fixture
def make_policy() -> MakePolicy:
    """Make a policy; keyword arguments are fields of its spec, `metadata` overrides fields of its metadata."""

    def make(name: str = "echo", *, metadata: dict[str, Any] | None = None, **spec: Any) -> ActionQueuePolicy:
        return ActionQueuePolicy.model_validate(
            {
                "metadata": {
                    "name": name,
                    "namespace": "attune-system",
                    "uid": f"uid-of-{name}",
                    "generation": 3,
                    "resourceVersion": "7",
                    "creationTimestamp": "2026-12-01T00:00:00Z",
                    **(metadata or {}),
                },
                "spec": {"actionRef": "core.echo", "concurrency": 10, **spec},
            }
        )

    return make
