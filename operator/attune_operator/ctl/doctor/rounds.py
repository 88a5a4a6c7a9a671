"""The doctor's rounds: every diagnosis, in turn, and what comes of them."""

from collections.abc import Callable, Iterable
from itertools import chain
from typing import Final, TypeAlias

from attune_operator.ctl.doctor import executor_parts, installation, notices, policies, shared_shards, workers
from attune_operator.ctl.doctor.answering_workers import somebody_works, workers_answer
from attune_operator.ctl.doctor.causality import arranged
from attune_operator.ctl.doctor.completions import completions_are_taken
from attune_operator.ctl.doctor.evidence import Evidence
from attune_operator.ctl.doctor.finding import Finding, Thresholds
from attune_operator.ctl.doctor.long_queues import queues_are_short
from attune_operator.ctl.doctor.stuck_queues import queues_move

Diagnosis: TypeAlias = Callable[[Evidence], Iterable[Finding]]
Measurement: TypeAlias = Callable[[Evidence, Thresholds], Iterable[Finding]]

DIAGNOSES: Final[tuple[Diagnosis, ...]] = (
    installation.kind_known,
    installation.operator_there,
    installation.somebody_leads,
    installation.executor_answers,
    shared_shards.executors_reach_each_other,
    shared_shards.every_shard_is_served,
    executor_parts.turns_go_on,
    executor_parts.database_answers,
    executor_parts.broker_answers,
    executor_parts.listener_listens,
    completions_are_taken,
    executor_parts.dispatches_arrive,
    executor_parts.figures_are_fresh,
    executor_parts.order_is_kept,
    workers.deployments_there,
    workers.left_to_the_operator,
    workers_answer,
    somebody_works,
    policies.there_is_a_policy,
    policies.policies_in_force,
    policies.actions_are_open,
    policies.workers_have_the_code,
    notices.emergency_is_over,
    notices.everything_was_seen,
)
MEASUREMENTS: Final[tuple[Measurement, ...]] = (queues_are_short, queues_move)


def diagnose(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Every fault that the evidence shows, causes with their consequences, the most urgent first."""
    found = chain.from_iterable(
        [*(look(evidence) for look in DIAGNOSES), *(measure(evidence, thresholds) for measure in MEASUREMENTS)]
    )
    return arranged(found)
