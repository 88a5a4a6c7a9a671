"""What is wrong with the pods of a Deployment, and the words in which that is told."""

from collections.abc import Callable
from dataclasses import dataclass

from attune_operator.ctl.doctor.evidence import Container, Pod, Workload
from attune_operator.ctl.doctor.finding import Remedy


@dataclass(frozen=True, slots=True)
class PodFault:
    """What is wrong with the pods of a Deployment.

    Attributes:
        kind: the second half of the finding's id: image, refused, unschedulable, out-of-memory, crashing, hung,
            not-ready.
        what: to follow the Deployment's name.
        starting: whether it is none yet: the pods are so young that they may become ready by themselves.
    """

    kind: str
    what: str
    evidence: tuple[str, ...]
    cause: str
    remedies: tuple[Remedy, ...]
    starting: bool = False


def kubectl(workload: Workload) -> str:
    """The beginning of a command about the Deployment's namespace."""
    return f"kubectl -n {workload.key.namespace}"


def pods_line(workload: Workload) -> str:
    """How many pods there are."""
    return f"Deployment {workload.key}: {workload.replicas} wanted, {len(workload.pods)} there, {workload.ready} ready"


def first(workload: Workload, wrong: Callable[[Container], bool]) -> tuple[Pod, Container] | None:
    """The first container of which that holds, and its pod."""
    return next(((pod, each) for pod in workload.pods for each in pod.containers if wrong(each)), None)
