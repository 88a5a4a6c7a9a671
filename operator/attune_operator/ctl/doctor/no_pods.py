"""Why the pods of a Deployment do not come to be."""

from datetime import datetime
from typing import Final

from attune_operator.ctl.doctor.evidence import Workload
from attune_operator.ctl.doctor.finding import Remedy
from attune_operator.ctl.doctor.pod_fault import PodFault, first, kubectl, pods_line

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


def image(workload: Workload, _now: datetime) -> PodFault | None:
    """The image of a container cannot be had."""
    found = first(workload, lambda container: container.waiting in _IMAGE)
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


def refused(workload: Workload, _now: datetime) -> PodFault | None:
    """The Kubernetes API refuses to create the pods."""
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


def unschedulable(workload: Workload, _now: datetime) -> PodFault | None:
    """No node takes a pod."""
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
