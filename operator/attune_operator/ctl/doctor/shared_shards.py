"""Executors that share the shards: each reaches the others, and every shard has somebody."""

from collections.abc import Iterator, Sequence

from attune_operator.ctl.doctor.evidence import Evidence
from attune_operator.ctl.doctor.finding import Finding, Remedy, Severity


def executors_reach_each_other(evidence: Evidence) -> Iterator[Finding]:
    """Every executor answers the one that was asked."""
    for executor in () if evidence.executor is None else evidence.executor.executors:
        if not executor.answers:
            yield Finding(
                "executor-silent",
                Severity.CRITICAL,
                f"the executor {executor.name} does not answer the others: it has {_shards(executor.shards)}",
                (f"{executor.url}: {executor.problem}",),
                "it is alive by what it writes in the database. It hangs, or the others cannot reach it at"
                " api.advertise_url: a wrong address, a firewall, a certificate that they do not trust. Whoever asks"
                " another executor about its actions is answered 503",
                (
                    Remedy(f"curl --silent --show-error {executor.url}/readyz", "on the host of another executor"),
                    Remedy(
                        "systemctl status attune-executor", "on its own host; restart it where its turns stand still"
                    ),
                ),
            )


def every_shard_is_served(evidence: Evidence) -> Iterator[Finding]:
    """Every shard is somebody's who serves it."""
    health = evidence.executor
    if health is not None and health.unserved_shards:
        there = ", ".join(each.name for each in health.executors) or "none"
        yield Finding(
            "shards-unserved",
            Severity.CRITICAL,
            f"nobody serves {_shards(health.unserved_shards)} of {health.shard_count}",
            (f"executors that are alive: {there}",),
            "that is so for seconds when an executor comes, goes or is lost. Where it stays so, whoever owns the shard"
            " cannot begin to serve it, and new executions of its actions are answered 503",
            (
                Remedy("attune doctor", "ask again in ten seconds"),
                Remedy("journalctl -u attune-executor --since -5min", "on each host: why the shard is not served"),
            ),
        )


def _shards(numbers: Sequence[int]) -> str:
    if not numbers:
        return "no shard"
    return f"shard{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
