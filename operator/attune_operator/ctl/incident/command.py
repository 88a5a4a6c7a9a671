"""The command `incident`."""

import asyncio
import json
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Final

import typer

from attune_operator.ctl.doctor.finding import Thresholds
from attune_operator.ctl.doctor.gathering import gather
from attune_operator.ctl.doctor.report import report_lines
from attune_operator.ctl.doctor.rounds import diagnose
from attune_operator.ctl.errors import CtlError, UsageError
from attune_operator.ctl.executor_api import ExecutorApi
from attune_operator.ctl.incident.archive import Archive
from attune_operator.ctl.incident.cluster_parts import OPERATOR_PODS, ClusterParts
from attune_operator.ctl.incident.collecting import Collector
from attune_operator.ctl.incident.executor_parts import ExecutorParts
from attune_operator.ctl.incident.index import readme
from attune_operator.ctl.incident.redaction import MASK, redact_text
from attune_operator.ctl.kubernetes_api import Kubernetes
from attune_operator.ctl.looking import Names
from attune_operator.ctl.options import Place, Way, takes
from attune_operator.ctl.output import say
from attune_operator.ctl.resources import chosen, read_policies
from attune_operator.lease import LEASE_NAME
from attune_operator.resources import ActionQueuePolicy

_FIFO_MINUTES: Final = 10.0
"""Runbook, Issue 4: `journalctl … --since "10 minutes ago"`."""
_CRASH_MINUTES: Final = 30.0
"""Runbook, Executor Crash Loop: `--since "30 minutes ago"`."""
_UNITS: Final = {"s": 1 / 60, "m": 1.0, "h": 60.0, "": 1 / 60}
_NAMESPACED: Final = (
    "pods",
    "deployments",
    "replicasets",
    "horizontalpodautoscalers",
    "resourcequotas",
    "limitranges",
    "events",
    "actionqueuepolicies",
)


@takes(Place, Way)
def incident(
    place: Place,
    way: Way,
    names: Names = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR/FILE", help="Folder, or file that does not exist yet.")
    ] = Path(),
    since: Annotated[str | None, typer.Option(metavar="30m", help="Age of logs; else 10m.")] = None,
    crash: Annotated[bool, typer.Option("--crash", help="For a crash loop: logs of 30m.")] = False,
    cap: Annotated[int, typer.Option(min=1, max=1_000_000, help="Most executions of the last hour.")] = 20_000,
    with_payloads: Annotated[
        bool, typer.Option("--with-payloads", help="Parameters and results of stuck executions too.")
    ] = False,
) -> None:
    """Collect what the runbook wants kept of an incident into one archive, credentials masked.

    Logs, Events, pods and their ends, policies, the order of executions, what is stuck, metrics, decisions.
    README.txt in it says what is what, and what could not be had and why.
    """
    now = datetime.now(UTC)
    minutes = minutes_of(since) if since else _CRASH_MINUTES if crash else _FIFO_MINUTES
    path = _target(output, now)
    asyncio.run(_collect(place, way, names or [], path, now, minutes, cap=cap, payloads=with_payloads))
    say(str(path))


def minutes_of(text: str) -> float:
    """Minutes of a duration such as 90s, 30m, 2h.

    Raises:
        UsageError: it is none.
    """
    found = re.fullmatch(r"(\d+)([smh]?)", text.strip())
    if found is None or int(found[1]) == 0:
        raise UsageError(f"--since {text}: give a duration such as 90s, 30m or 2h")
    return int(found[1]) * _UNITS[found[2]]


def _target(output: Path, now: datetime) -> Path:
    name = f"attune-incident-{now:%Y%m%dT%H%M%SZ}.tar.gz"
    return output / name if output.is_dir() else output


async def _collect(
    place: Place, way: Way, names: Sequence[str], path: Path, now: datetime, minutes: float, *, cap: int, payloads: bool
) -> None:
    async with Kubernetes.connect(place.context) as kubernetes:
        # Without the API there is nothing to put into an archive; a wrong name is better corrected than archived.
        await kubernetes.get("the version", "/version")
        policies, problem = await _policies(kubernetes, place, names)
        with Archive.create(path, now) as archive:
            collector = Collector(archive)
            if problem:
                collector.missing("which policies there are", problem)
            archive.add("versions.json", json.dumps({"attune-operator": version("attune-operator")}) + "\n")
            await _from_cluster(collector, ClusterParts(kubernetes, archive), place, policies, int(minutes * 60))
            await collector.part("The doctor's report", partial(_diagnosis, archive, kubernetes, place, way, names))
            actions = sorted({policy.spec.action_ref for policy in policies})
            try:
                async with ExecutorApi.connect(kubernetes, place, way) as executor:
                    parts = ExecutorParts(executor, archive, now, cap=cap, payloads=payloads)
                    await _from_executor(collector, parts, actions, one_by_one=bool(names))
            except CtlError as error:
                collector.missing("all that the executor's API tells", str(error))
            text = readme(
                collector.outcomes,
                now=now,
                command=f"attune incident {' '.join(names)}".strip(),
                mask=MASK,
                minutes=minutes,
                payloads=payloads,
            )
            archive.add("README.txt", text)
            missing = sum(outcome.problem is not None for outcome in collector.outcomes)
        sys.stderr.write(f"{len(archive.sizes)} files; {missing} missing or not whole, see README.txt in it\n")


async def _diagnosis(archive: Archive, kubernetes: Kubernetes, place: Place, way: Way, names: Sequence[str]) -> None:
    """What `attune doctor` would say now."""
    evidence = await gather(kubernetes, place, way, names)
    lines = report_lines(diagnose(evidence, Thresholds()), len(evidence.known_policies))
    archive.add("doctor.txt", redact_text("\n".join(line.plain for line in lines)) + "\n")


async def _policies(
    kubernetes: Kubernetes, place: Place, names: Sequence[str]
) -> tuple[list[ActionQueuePolicy], str | None]:
    try:
        found = await read_policies(kubernetes, place.policies)
    except CtlError as error:
        return [], str(error)
    return chosen(found, names), None


async def _from_cluster(
    collector: Collector, cluster: ClusterParts, place: Place, policies: Sequence[ActionQueuePolicy], seconds: int
) -> None:
    home = place.operator_namespace
    namespaces = sorted({home, *(policy.metadata.namespace for policy in policies)})
    await collector.part("Kubernetes' release", cluster.version)
    await collector.part("The Lease: who leads", partial(cluster.lease, home, LEASE_NAME))
    await collector.part("The ExecutorConfig", partial(cluster.objects, home, "executorconfigs"))
    for namespace in namespaces:
        what = f"How containers ended in {namespace}: OOM kills, crashes (in place of dmesg)"
        await collector.part(what, partial(cluster.ends, namespace))
        for plural in _NAMESPACED:
            await collector.part(f"{plural} of {namespace}", partial(cluster.objects, namespace, plural))
    await collector.part("Nodes", cluster.nodes)
    await collector.part("Events of Nodes (in place of dmesg and syslog)", cluster.node_events)
    logs = partial(cluster.logs, since_seconds=seconds)
    await collector.part("Logs of the executor", partial(logs, home, "logs/executor", OPERATOR_PODS))
    pools = {(each.metadata.namespace, each.spec.workers.deployment) for each in policies if each.spec.workers}
    for namespace, deployment in sorted(pools):

        async def worker_logs(namespace: str = namespace, deployment: str = deployment) -> None:
            selector = await cluster.selector(namespace, deployment)
            await logs(namespace, f"logs/workers/{namespace}", selector)

        await collector.part(f"Logs of the workers {namespace}/{deployment}", worker_logs)


async def _from_executor(
    collector: Collector, executor: ExecutorParts, actions: Sequence[str], *, one_by_one: bool
) -> None:
    if not await collector.part("Readiness of the executor", partial(executor.text, "/readyz", "readyz.json")):
        # Each of the others would wait as long for the same answer.
        collector.missing("all else that the executor's API tells", "it is not reached, as its readiness says")
        return
    await collector.part("Liveness", partial(executor.text, "/livez", "livez.json"))
    await collector.part("Metrics", partial(executor.text, "/metrics", "metrics.txt"))
    await collector.part(
        "Scaling decisions", partial(executor.data, "/api/v1/scaling-decisions", "scaling-decisions.json")
    )
    await collector.part("Statistics of all queues", partial(executor.data, "/api/v1/queues", "queues.json"))
    await collector.part("What came and ended", partial(executor.data, "/api/v1/throughput", "throughput.json"))
    for action in actions:
        await collector.part(f"Statistics of {action}", partial(executor.queue_stats, action))
    for action in actions if one_by_one else (None,):
        of = action or "all actions"
        await collector.part(f"The order of the last hour of {of}, by acceptance", partial(executor.order, action))
        await collector.part(f"Stuck executions of {of}", partial(executor.stuck, action))
