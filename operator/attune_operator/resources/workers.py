"""What an SRE writes of the worker Deployment and how it follows the load: `spec.workers` of a policy."""

from enum import StrEnum
from typing import Self

from pydantic import ConfigDict, Field, model_validator

from attune_operator.resources.schema import ResourceModel, between, rules


class ScalingMode(StrEnum):
    """Who sets the number of workers."""

    AUTO = "Auto"
    """The operator scales the Deployment."""
    RECOMMEND = "Recommend"
    """The operator publishes what it would do and changes nothing."""
    OFF = "Off"
    """The operator leaves the Deployment alone."""


class DepthBand(ResourceModel):
    """From this many waiting executions on, grow the workers by this much."""

    waiting: int = between(1, 1_000_000_000, "waiting is the depth at which the band begins: set it to 1 or more")
    """Depth of the queue, in waiting executions, at which the band begins."""

    add_percent: int = between(0, 1000, "addPercent is a share of the current workers: set it between 0 and 1000")
    """Workers to add, as a percentage of the current ones, rounded up."""


DEFAULT_DEPTH_BANDS = (
    DepthBand(waiting=10, add_percent=25),
    DepthBand(waiting=50, add_percent=50),
    DepthBand(waiting=100, add_percent=100),
)
"""The runbook's table "Capacity Recommendations"."""


class ScaleDown(ResourceModel):
    """How carefully workers are taken away."""

    stabilization_seconds: int = between(
        0,
        86_400,
        "stabilizationSeconds must be between 0 (scale down at once) and 86400",
        default=300,
    )
    """Workers are removed down to the highest number that was recommended within this many seconds, so that a lull does
    not cost the workers that the next burst needs."""


class WorkersSpec(ResourceModel):
    """The worker Deployment that runs the action and how it follows the load."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "self.minReplicas <= self.maxReplicas",
                "minReplicas must not be above maxReplicas: lower minReplicas or raise maxReplicas",
            )
        )
    )

    deployment: str = Field(
        min_length=1,
        max_length=63,
        json_schema_extra=rules(
            (
                "self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
                "deployment must be the name of a Deployment: lower-case letters, digits and '-'",
            )
        ),
    )
    """Name of the worker Deployment in this namespace; also the name of the worker pool that its pods serve. Policies
    may share a Deployment: what they need adds up. Leave spec.replicas out of the Deployment's manifest, since the
    operator sets it."""

    slots_per_worker: int = between(
        1,
        1000,
        "slotsPerWorker must be between 1 and 1000: what one worker pod is started with as --slots",
        default=10,
    )
    """Executions that one worker pod runs at a time, as its --slots says. Where policies that share a Deployment
    disagree, the smallest counts."""

    min_replicas: int = between(
        0, 10_000, "minReplicas must be between 0 (no worker while nothing waits) and 10000", default=1
    )
    """Workers that are kept even when idle. 0 lets an idle Deployment go to no pods at all."""

    max_replicas: int = between(
        1, 10_000, "maxReplicas must be between 1 and 10000; to stop the action set admission to Hold"
    )
    """Workers that are never exceeded, whatever the load."""

    mode: ScalingMode = ScalingMode.AUTO
    """Auto: the operator scales the Deployment. Recommend: it publishes in status what it would do and changes nothing.
    Off: it leaves the Deployment alone. Where policies that share a Deployment disagree, the most cautious one wins."""

    buffer_percent: int = between(
        0, 1000, "bufferPercent is added to the workers the peak needs: set it between 0 and 1000", default=50
    )
    """Reserve on top of the workers that the measured peak needs, as a percentage, rounded up."""

    depth_bands: tuple[DepthBand, ...] = Field(
        default=DEFAULT_DEPTH_BANDS,
        max_length=10,
        json_schema_extra=rules(
            (
                "self.all(band, self.exists_one(other, other.waiting == band.waiting))",
                "each band of depthBands must begin at another depth: change or remove the second of two equal waiting",
            )
        ),
    )
    """Growth by the depth of the queue, for load that the measured peak does not explain: the band with the highest
    `waiting` that the queue has reached applies, one step at most every 30 seconds."""

    drain_seconds: int = between(
        0,
        3600,
        "drainSeconds must be between 1 and 3600, or 0 to leave bursts to depthBands",
        default=30,
    )
    """Seconds in which the executions that wait and run are to be done: a burst gets the workers for that at once, as
    soon as it is known how long executions of the action take. Shorter than a worker needs to start buys nothing. 0:
    bursts grow by depthBands alone."""

    peak_window_seconds: int = between(
        60,
        86_400,
        "peakWindowSeconds must be between 60 (the resolution of the measurement) and 86400",
        default=3600,
    )
    """How far back the peak of requests per hour (the highest rate of any five minutes) and the average duration look,
    in seconds. What the peak needs is kept for this long."""

    scale_down: ScaleDown = ScaleDown()
    """How carefully workers are taken away."""

    @model_validator(mode="after")
    def _minimum_within_maximum(self) -> Self:
        if self.min_replicas > self.max_replicas:
            raise ValueError(f"minReplicas {self.min_replicas} is above maxReplicas {self.max_replicas}")
        return self
