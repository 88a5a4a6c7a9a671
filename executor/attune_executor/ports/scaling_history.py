"""The decisions of whoever scales the workers, as the API tells them. Without one there is no such route."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class ScalingHistory(Protocol):
    """Decisions of the recent past; safe from any thread."""

    def newest_first(self, namespace: str | None, deployment: str | None) -> Sequence[Mapping[str, Any]]:
        """Entries as JSON shows them, of the Deployments of that namespace and name; None stands for any."""
        ...

    def latest(self) -> Sequence[Mapping[str, Any]]:
        """The newest entry of each Deployment."""
        ...
