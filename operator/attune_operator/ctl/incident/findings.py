"""What an SRE looks for first in what was collected. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from attune_executor.domain.thresholds import STUCK_SECONDS

STUCK_AFTER: Final = timedelta(seconds=STUCK_SECONDS)
"""The runbook's: an open execution whose row has not changed for so long."""
COLUMNS: Final = ("id", "action", "status", "created", "started_at", "updated", "attempt", "worker")
"""The runbook's `SELECT id, action, status, created, updated`, and what else tells who ran it when."""


def container_ends(pods: Iterable[Mapping[str, Any]]) -> list[str]:
    """How containers ended and why they do not run: OOM kills, crashes, images that cannot be pulled.

    A kubelet writes here what `dmesg` and syslog say on a machine.
    """
    lines: list[str] = []
    for pod in pods:
        for status in _containers(pod):
            where = f"{pod['metadata']['namespace']}/{pod['metadata']['name']} {status['name']}"
            if (count := int(status.get("restartCount", 0))) > 0:
                lines.append(f"{where}: {count} restarts")
            for moment in ("state", "lastState"):
                states: Mapping[str, Mapping[str, Any]] = status.get(moment) or {}
                for state, details in states.items():
                    if state == "running":
                        continue
                    text = ", ".join(f"{name}={value}" for name, value in sorted(details.items()))
                    lines.append(f"{where}: {moment} {state}: {text}")
    return lines or ["no container has ended or waits"]


def previous_logs(pods: Iterable[Mapping[str, Any]]) -> set[tuple[str, str]]:
    """Pods and containers that had a run before this one."""
    return {
        (pod["metadata"]["name"], status["name"])
        for pod in pods
        for status in _containers(pod)
        if int(status.get("restartCount", 0)) > 0
    }


def stuck(executions: Sequence[Mapping[str, Any]], now: datetime) -> list[Mapping[str, Any]]:
    """Those of open executions whose rows have not changed for ten minutes."""
    return [each for each in executions if now - datetime.fromisoformat(each["updated"]) > STUCK_AFTER]


def accepted_since(page: Sequence[Mapping[str, Any]], earliest: datetime) -> list[Mapping[str, Any]]:
    """Those of a page, the newest first, that were accepted since ``earliest``."""
    return [each for each in page if datetime.fromisoformat(each["created"]) >= earliest]


def order_row(execution: Mapping[str, Any]) -> str:
    """An execution as a line, its columns parted by tabs."""
    values = {**execution, "action": execution.get("action_id")}
    return "\t".join("" if values.get(name) is None else str(values[name]) for name in COLUMNS)


def _containers(pod: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for kind in ("initContainerStatuses", "containerStatuses"):
        yield from pod.get("status", {}).get(kind) or ()
