"""The runbook's capacity formula with its arithmetic written out."""

from dataclasses import asdict, dataclass
from typing import Any, Final

from attune_executor.domain.capacity import required_workers, with_buffer
from attune_operator.ctl.errors import UsageError
from attune_operator.resources import ActionQueuePolicy

DEFAULT_BUFFER_PERCENT: Final = 50
"""The runbook's "Add 50% buffer"."""


@dataclass(frozen=True, slots=True)
class Load:
    """What the formula needs; None where it is neither given nor measured.

    Attributes:
        peak_per_hour: executions per hour at the peak.
        average_duration_seconds: of one execution.
        slots_per_worker: executions that one worker runs at a time.
        buffer_percent: reserve on top.
    """

    peak_per_hour: float | None = None
    average_duration_seconds: float | None = None
    slots_per_worker: int | None = None
    buffer_percent: int | None = None

    def over(self, other: "Load") -> "Load":
        """This load, and ``other`` for what it does not say."""
        return Load(
            self.peak_per_hour if self.peak_per_hour is not None else other.peak_per_hour,
            self.average_duration_seconds
            if self.average_duration_seconds is not None
            else other.average_duration_seconds,
            self.slots_per_worker if self.slots_per_worker is not None else other.slots_per_worker,
            self.buffer_percent if self.buffer_percent is not None else other.buffer_percent,
        )


@dataclass(frozen=True, slots=True)
class Capacity:
    """Workers that a load needs.

    Attributes:
        exact: workers before rounding.
        required: the runbook's minimum.
        recommended: with the buffer.
    """

    peak_per_hour: float
    average_duration_seconds: float
    slots_per_worker: int
    buffer_percent: int
    exact: float
    required: int
    recommended: int

    def sentences(self) -> list[str]:
        """The runbook's two lines, with these numbers."""
        inputs = f"({self.peak_per_hour:,.12g} × {self.average_duration_seconds:.12g}) / 3600 / {self.slots_per_worker}"
        return [
            f"Workers = {inputs} = {self.exact:.1f} → {self.required} {_workers(self.required)} minimum",
            f"Add {self.buffer_percent}% buffer → {self.recommended} {_workers(self.recommended)} recommended",
        ]

    def document(self) -> dict[str, Any]:
        """The same for scripts."""
        return asdict(self)


def measured(policy: ActionQueuePolicy) -> Load:
    """What the operator measured of the Deployment that serves the policy, all its actions together."""
    scaling = policy.status.scaling if policy.status else None
    workers = policy.spec.workers
    return Load(
        peak_per_hour=scaling.peak_per_hour if scaling else None,
        average_duration_seconds=scaling.average_duration_seconds if scaling else None,
        slots_per_worker=scaling.slots_per_worker if scaling else None,
        buffer_percent=workers.buffer_percent if workers else None,
    )


def capacity(load: Load) -> Capacity:
    """Workers for ``load``: runbook, Capacity Planning, "Calculating Required Capacity".

    Raises:
        UsageError: something of the load is not known, or is out of its range.
    """
    peak, seconds, slots = load.peak_per_hour, load.average_duration_seconds, load.slots_per_worker
    flags = (("--peak", peak), ("--duration", seconds), ("--slots", slots))
    if peak is None or seconds is None or slots is None:
        missing = ", ".join(flag for flag, value in flags if value is None)
        raise UsageError(f"not measured yet and not given: {missing}")
    buffer_percent = DEFAULT_BUFFER_PERCENT if load.buffer_percent is None else load.buffer_percent
    try:
        required = required_workers(peak, seconds, slots)
    except ValueError as error:
        raise UsageError(str(error)) from error
    return Capacity(
        peak_per_hour=peak,
        average_duration_seconds=seconds,
        slots_per_worker=slots,
        buffer_percent=buffer_percent,
        exact=peak * seconds / 3600 / slots,
        required=required,
        recommended=with_buffer(required, buffer_percent),
    )


def _workers(count: int) -> str:
    return "worker" if count == 1 else "workers"
