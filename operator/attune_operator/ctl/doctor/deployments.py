"""Why a Deployment has no pods, or none that works: the same for the operator's and for the workers'.

One fault for each Deployment, the most basic one: without an image nothing can crash.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from attune_operator.ctl.doctor.evidence import Container, Pod, Workload
from attune_operator.ctl.doctor.finding import Remedy
from attune_operator.ctl.queues import duration

_IMAGE: Final = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "ErrImageNeverPull",
        "InvalidImageName",
        "ImageInspectError",
        "RegistryUnavailable",
    }
)
_CONFIGURATION: Final = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
_BACK_OFF: Final = "CrashLoopBackOff"
_OUT_OF_MEMORY: Final = "OOMKilled"
_RECENT: Final = timedelta(minutes=10)
"""How long ago a container that runs again was killed for its memory and it is still worth telling."""
HUNG: Final = (
    "they are stopped, blocked by an action that never yields, or cut off from the broker. What they hold is dispatched"
    " to others when they are lost"
)
"""Why a worker that runs does not answer."""
_STARTING: Final = timedelta(minutes=1)
"""How long a pod may take to become ready before that is a fault."""


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


def pod_fault(workload: Workload, now: datetime) -> PodFault | None:
    """The most basic fault of a Deployment's pods; None where each is ready, or there are none to be."""
    for judge in (_image, _refused, _unschedulable, _out_of_memory, _crashing, _hung, _not_ready):
        fault = judge(workload, now)
        if fault is not None:
            return fault
    return None


def kubectl(workload: Workload) -> str:
    """The beginning of a command about the Deployment's namespace."""
    return f"kubectl -n {workload.key.namespace}"


def pods_line(workload: Workload) -> str:
    """How many pods there are."""
    return f"Deployment {workload.key}: {workload.replicas} wanted, {len(workload.pods)} there, {workload.ready} ready"


def _image(workload: Workload, _now: datetime) -> PodFault | None:
    found = _first(workload, lambda container: container.waiting in _IMAGE)
    if found is None:
        return None
    pod, container = found
    return PodFault(
        "image",
        f"cannot have the image of container {container.name}: {container.waiting}",
        (pods_line(workload), f"Pod {pod.name}: {container.waiting}: {container.message or 'no message'}"),
        "the image's name or tag is wrong, its registry does not answer, or the pull needs credentials",
        (
            Remedy(f"{kubectl(workload)} describe pod {pod.name}", "what the registry answered"),
            Remedy(f"{kubectl(workload)} rollout undo deployment/{workload.key.name}", "back to the image before"),
            Remedy(
                f"{kubectl(workload)} set image deployment/{workload.key.name} {container.name}=IMAGE",
                "or on to one that there is",
            ),
        ),
    )


def _refused(workload: Workload, _now: datetime) -> PodFault | None:
    if workload.refused is None:
        return None
    quota = "exceeded quota" in workload.refused
    remedies = (
        (
            Remedy(f"{kubectl(workload)} describe resourcequota", "what is used, and by how much to raise it"),
            Remedy(f"{kubectl(workload)} edit resourcequota", "raise it, or remove what is not needed"),
        )
        if quota
        else (
            Remedy(
                f"{kubectl(workload)} get events --field-selector reason=FailedCreate", "which rule refuses, and what"
            ),
        )
    )
    return PodFault(
        "refused",
        "is refused its pods" + (" by a ResourceQuota" if quota else ""),
        (pods_line(workload), workload.refused, *workload.quotas),
        "the namespace's quota is used up"
        if quota
        else "an admission rule or a LimitRange refuses the pods as they are",
        remedies,
    )


def _unschedulable(workload: Workload, _now: datetime) -> PodFault | None:
    pod = next((each for each in workload.pods if each.unscheduled is not None), None)
    if pod is None:
        return None
    return PodFault(
        "unschedulable",
        "has pods that no node takes",
        (pods_line(workload), f"Pod {pod.name}: {pod.unscheduled}"),
        "no node has the room, the labels or the tolerations that the pods ask for",
        (
            Remedy(f"{kubectl(workload)} describe pod {pod.name}", "what each node lacks"),
            Remedy("kubectl describe nodes", "what is free: add a node, or lower resources.requests"),
        ),
    )


def _out_of_memory(workload: Workload, now: datetime) -> PodFault | None:
    found = _first(
        workload,
        lambda container: (
            container.ended == _OUT_OF_MEMORY
            and (not container.ready or (container.ended_at is not None and now - container.ended_at < _RECENT))
        ),
    )
    if found is None:
        return None
    pod, container = found
    return PodFault(
        "out-of-memory",
        f"has containers killed for their memory: {_restarts(container)}",
        (pods_line(workload), f"Pod {pod.name}: container {container.name} ended {_OUT_OF_MEMORY}", *_log(pod)),
        "the container needs more memory than resources.limits.memory lets it have",
        (
            Remedy(
                f"{kubectl(workload)} set resources deployment/{workload.key.name} -c {container.name}"
                " --limits=memory=2Gi",
                "more memory",
            ),
            Remedy("attune incident --crash", "keep what is known before it is gone"),
        ),
    )


def _crashing(workload: Workload, _now: datetime) -> PodFault | None:
    found = _first(
        workload,
        lambda container: (
            container.waiting == _BACK_OFF
            or container.waiting in _CONFIGURATION
            or (not container.ready and container.exit_code not in (None, 0))
        ),
    )
    if found is None:
        return None
    pod, container = found
    if container.waiting in _CONFIGURATION:
        state, log = f"{container.waiting}: {container.message}", ()
    else:
        state, log = f"exit code {container.exit_code}, {_restarts(container)}", _log(pod)
    return PodFault(
        "crashing",
        f"has containers that exit: {container.name}, {state}",
        (pods_line(workload), f"Pod {pod.name}: container {container.name}: {container.waiting or state}", *log),
        "the program ends by itself; its last lines say why",
        (
            Remedy(
                f"{kubectl(workload)} logs {pod.name} -c {container.name} --previous --tail=100", "all that it said"
            ),
            Remedy(f"{kubectl(workload)} rollout undo deployment/{workload.key.name}", "back, if a change brought it"),
            Remedy("attune incident --crash", "keep logs and state for who mends it"),
        ),
    )


def _hung(workload: Workload, _now: datetime) -> PodFault | None:
    silent = [pod for pod in workload.pods if pod.fell_silent]
    if not silent:
        return None
    names = [pod.name for pod in silent]
    return PodFault(
        "hung",
        f"has {len(silent)} of {len(workload.pods)} pods that were ready and do not answer any more",
        (
            pods_line(workload),
            *(f"Pod {pod.name}: it runs, and is not ready since {pod.unready_since}" for pod in silent[:3]),
            *silent[0].warnings,
        ),
        HUNG,
        (
            Remedy(f"{kubectl(workload)} logs {names[0]} --tail=50", "what it did last"),
            Remedy(f"{kubectl(workload)} delete pod {' '.join(names)}", "have them replaced"),
            Remedy("attune stuck", "the executions that they held"),
        ),
    )


def _not_ready(workload: Workload, now: datetime) -> PodFault | None:
    waiting = [pod for pod in workload.pods if pod.ready_since is None]
    if not waiting:
        return None
    oldest = min(waiting, key=lambda pod: pod.created)
    age = now - oldest.created
    return PodFault(
        "not-ready",
        f"has {len(waiting)} of {len(workload.pods)} pods that do not become ready",
        (
            pods_line(workload),
            f"Pod {oldest.name}: not ready, created {duration(age.total_seconds())} ago",
            *oldest.warnings,
        ),
        "the readiness probe fails: the program starts slowly, or waits for something",
        (
            Remedy(f"{kubectl(workload)} describe pod {oldest.name}", "what its probes answer"),
            Remedy(f"{kubectl(workload)} logs {oldest.name} --tail=100", "what it waits for"),
        ),
        starting=age < _STARTING,
    )


def _first(workload: Workload, wrong: Callable[[Container], bool]) -> tuple[Pod, Container] | None:
    return next(_each(workload, wrong), None)


def _each(workload: Workload, wrong: Callable[[Container], bool]) -> Iterator[tuple[Pod, Container]]:
    for pod in workload.pods:
        for container in pod.containers:
            if wrong(container):
                yield pod, container


def _restarts(container: Container) -> str:
    return "1 restart" if container.restarts == 1 else f"{container.restarts} restarts"


def _log(pod: Pod) -> tuple[str, ...]:
    return tuple(f"log: {line}" for line in pod.log)
