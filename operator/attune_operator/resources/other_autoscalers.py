"""Who else sets the size of a Deployment: HorizontalPodAutoscalers, and KEDA's ScaledObjects behind them."""

from collections.abc import Iterable, Mapping
from typing import Any

from attune_operator.resources.policy import ObjectKey

_DEPLOYMENT = "Deployment"
_SCALED_OBJECT = "ScaledObject"


def scaled_by_others(
    autoscalers: Iterable[Mapping[str, Any]], scaled_objects: Iterable[Mapping[str, Any]]
) -> dict[ObjectKey, str]:
    """Who scales which Deployment, as ``Kind name``.

    A HorizontalPodAutoscaler that a ScaledObject made is called by the latter's name: it is the one to change.

    Args:
        autoscalers: HorizontalPodAutoscalers as the API has them.
        scaled_objects: ScaledObjects, which may have none yet: paused, or scaled to zero.
    """
    found: dict[ObjectKey, str] = {}
    for item in autoscalers:
        metadata, target = item["metadata"], item["spec"]["scaleTargetRef"]
        if target["kind"] == _DEPLOYMENT:
            owners = metadata.get("ownerReferences", [])
            by_keda = next((owner["name"] for owner in owners if owner["kind"] == _SCALED_OBJECT), None)
            name = f"HorizontalPodAutoscaler {metadata['name']}" if by_keda is None else f"{_SCALED_OBJECT} {by_keda}"
            found[ObjectKey(metadata["namespace"], target["name"])] = name
    for item in scaled_objects:
        metadata, target = item["metadata"], item["spec"]["scaleTargetRef"]
        if target.get("kind", _DEPLOYMENT) == _DEPLOYMENT:
            found[ObjectKey(metadata["namespace"], target["name"])] = f"{_SCALED_OBJECT} {metadata['name']}"
    return found
