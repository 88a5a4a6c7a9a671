"""The few facts of a worker Deployment that scaling and status work from."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WorkerDeployment:
    """A Deployment: the workers that it is set to, and those of them that are ready."""

    name: str
    replicas: int
    ready: int
