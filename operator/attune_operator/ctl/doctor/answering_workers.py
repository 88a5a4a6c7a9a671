"""Workers that run and do not answer, and queues that wait for a worker that nobody starts."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Final

from attune_executor.domain.standing import WaitsFor
from attune_operator.ctl.doctor.evidence import Evidence, Pod, Workload, deployment_of
from attune_operator.ctl.doctor.executor_health import ActionStanding, ExecutorHealth, Pool, Worker
from attune_operator.ctl.doctor.finding import Finding, Remedy, Severity, keys
from attune_operator.ctl.doctor.ill_pods import HUNG
from attune_operator.resources import ActionQueuePolicy

_UNANSWERED: Final = 3
"""Roll calls without an answer: one may be on its way, two are missed."""
_SETTLED: Final = timedelta(seconds=15)
"""How long a worker that is ready may take until the executor knows it: two roll calls and a turn."""


def workers_answer(evidence: Evidence) -> Iterator[Finding]:
    """Every worker pod that is ready answers the executor's roll calls."""
    health = evidence.executor
    if health is None:
        return
    for key, workload in evidence.workers.items():
        policies = evidence.served_by(key)
        pool = _pool_of(health, policies)
        if pool is None:
            continue
        announced = [worker for each in health.pools(pool) for worker in each.workers]
        silent = [pod for pod in workload.pods if _silent(pod, announced, evidence)]
        if silent:
            yield _hung(evidence, workload, pool, silent, policies)


def somebody_works(evidence: Evidence) -> Iterator[Finding]:
    """Whatever waits for a worker has one to wait for."""
    health = evidence.executor
    if health is None:
        return
    for policy in evidence.known_policies:
        standing = health.standing(policy.spec.action_ref)
        if standing is None or standing.waits_for is not WaitsFor.WORKER:
            continue
        deployment = deployment_of(policy)
        workload = None if deployment is None else evidence.workers.get(deployment)
        # Where there is a Deployment, its own findings say what is wrong, and an empty one may be about to grow.
        if workload is None or workload.ready:
            yield _nobody(policy, standing)


def _silent(pod: Pod, announced: Sequence[Worker], evidence: Evidence) -> bool:
    if pod.ready_since is None or evidence.now - pod.ready_since < _SETTLED:
        return False
    own = [worker for worker in announced if worker.runs_in(pod.name)]
    return not own or all(worker.unanswered_roll_calls >= _UNANSWERED for worker in own)


def _hung(
    evidence: Evidence, workload: Workload, pool: str, silent: Sequence[Pod], policies: list[ActionQueuePolicy]
) -> Finding:
    health = evidence.executor or ExecutorHealth()
    elsewhere = {
        each.name: worker.name
        for each in _every_pool(health)
        for worker in each.workers
        if each.name != pool and any(worker.runs_in(pod.name) for pod in silent)
    }
    all_silent = len(silent) == len(workload.pods)
    namespace = workload.key.namespace
    lines = [
        *(f"Pod {pod.name}: ready, and no heartbeat of it" for pod in silent[:3]),
        f"pool {pool}: {_pools_line(health, pool)}",
        *(f"worker {worker} announces itself for pool {name}" for name, worker in elsewhere.items()),
    ]
    cause = "they serve another pool: --pool has to be the Deployment's name" if elsewhere else HUNG
    return Finding(
        "workers-hung",
        Severity.CRITICAL if all_silent else Severity.WARNING,
        f"{len(silent)} of {len(workload.pods)} workers of Deployment {workload.key} do not answer",
        tuple(lines),
        cause,
        (
            Remedy(f"kubectl -n {namespace} logs {silent[0].name} --tail=50", "what it did last"),
            Remedy(f"kubectl -n {namespace} delete pod {' '.join(pod.name for pod in silent)}", "have them replaced"),
            Remedy("attune stuck", "the executions that they held"),
        ),
        keys(*policies),
    )


def _nobody(policy: ActionQueuePolicy, standing: ActionStanding) -> Finding:
    return Finding(
        "no-worker",
        Severity.CRITICAL,
        f"{standing.queue_length} executions of {standing.action_ref} wait and no worker serves pool {standing.pool}",
        (f"policy {policy.metadata.key}: its head waits for a worker of pool {standing.pool}",),
        "no worker has announced itself for this pool: none was started with that --pool",
        (
            Remedy(
                f"kubectl -n {policy.metadata.namespace} get deployments -o wide",
                "which workers there are, and their pools",
            ),
            Remedy(
                f"attune-worker --pool {standing.pool} --slots 10",
                "start one by hand, or name a Deployment in spec.workers",
            ),
        ),
        keys(policy),
    )


def _pool_of(health: ExecutorHealth, policies: Sequence[ActionQueuePolicy]) -> str | None:
    """The pool that the executor has for a Deployment; None where it does not know its policies."""
    standings = (health.standing(policy.spec.action_ref) for policy in policies)
    return next((standing.pool for standing in standings if standing is not None), None)


def _every_pool(health: ExecutorHealth) -> Iterator[Pool]:
    return (pool for shard in health.shards for pool in shard.pools)


def _pools_line(health: ExecutorHealth, name: str) -> str:
    workers = [worker for pool in health.pools(name) for worker in pool.workers]
    if not workers:
        return "the executor knows no worker"
    return ", ".join(
        f"{worker.name} has {worker.unanswered_roll_calls} roll calls unanswered" for worker in workers[:5]
    )
