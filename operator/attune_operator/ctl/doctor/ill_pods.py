"""Why pods that came to be do not work."""

from datetime import datetime, timedelta
from typing import Final

from attune_operator.ctl.doctor.evidence import Container, Pod, Workload
from attune_operator.ctl.doctor.finding import Remedy
from attune_operator.ctl.doctor.pod_fault import PodFault, first, kubectl, pods_line
from attune_operator.ctl.queues import duration

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


def out_of_memory(workload: Workload, now: datetime) -> PodFault | None:
    """The kernel killed a container for its memory, of late or again and again."""
    found = first(
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


def crashing(workload: Workload, _now: datetime) -> PodFault | None:
    """A container exits, or cannot be started, again and again."""
    found = first(
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


def hung(workload: Workload, _now: datetime) -> PodFault | None:
    """A pod runs, was ready, and is not any more."""
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


def not_ready(workload: Workload, now: datetime) -> PodFault | None:
    """A pod runs and has not become ready."""
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


def _restarts(container: Container) -> str:
    return "1 restart" if container.restarts == 1 else f"{container.restarts} restarts"


def _log(pod: Pod) -> tuple[str, ...]:
    return tuple(f"log: {line}" for line in pod.log)
