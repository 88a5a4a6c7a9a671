"""What `attune status` says above its table: who executes, and under which rules."""

from typing import Any

from attune_operator.ctl.queues import shown
from attune_operator.resources import ConfigConditionType, ExecutorConfig


def overview(config: ExecutorConfig | None, problem: str | None) -> list[tuple[str, str]]:
    """Lines of a name and what there is to say.

    Args:
        config: the ExecutorConfig; None where there is none.
        problem: why figures may be old; None while an operator leads.
    """
    lines = [("Warning", problem)] if problem else []
    if config is None:
        return [*lines, ("ExecutorConfig", "none: the operator's configuration file and environment hold")]
    status = config.status
    if status is None:
        return [*lines, ("ExecutorConfig", "no operator has looked at it yet")]
    limit = status.requests_per_minute
    lines += [
        ("Executor", f"{shown(status.owner)}, epoch {shown(status.epoch)}, shards {shown(status.shards)}"),
        ("Emergency mode", emergency_message(config)),
        ("API rate limit", "none" if limit is None else f"{limit} requests a minute"),
    ]
    totals = status.totals
    if totals is not None:
        waits, runs = shown(totals.queue_length), shown(totals.active_count)
        lines.append(("All queues", f"{waits} wait, {runs} run, {shown(totals.total_rejected)} were refused"))
    return lines


def emergency_message(config: ExecutorConfig | None) -> str:
    """Whether emergency mode is on, and what it does, in a sentence."""
    if config is None:
        return "off, unless the operator's configuration file says otherwise"
    messages = {each.type: each.message for each in config.status.conditions} if config.status else {}
    return messages.get(ConfigConditionType.EMERGENCY_MODE, "not reported yet")


def overview_document(config: ExecutorConfig | None, problem: str | None) -> dict[str, Any]:
    """The same for scripts: the ExecutorConfig's status as the cluster has it."""
    status = config.status if config else None
    return {
        "problem": problem,
        "executor_config": status.model_dump(mode="json", by_alias=True, exclude_none=True) if status else None,
    }
