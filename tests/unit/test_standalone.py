"""What a running executor follows of its configuration, and what it must be restarted for."""

from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import SecretStr

from attune_executor.amqp.settings import MessageQueueSettings
from attune_executor.domain.emergency import Emergency
from attune_executor.domain.policy import QueuePolicy
from attune_executor.engine.views import EngineHealth, UnavailableError
from attune_executor.settings import DatabaseSettings, Settings
from attune_executor.standalone import apply, needing_restart, turns


class Executor:
    """Remembers what it is told; ``away`` while nothing can be committed."""

    def __init__(self) -> None:
        self.declared = dict[str, QueuePolicy]()
        self.emergency: Emergency | None = None
        self.per_minute: int | None = None
        self.calls = list[str]()
        self.away = False

    def policies(self) -> Mapping[str, QueuePolicy]:
        return self.declared

    async def set_policy(self, ref: str, policy: QueuePolicy) -> None:
        self._reach(f"set {ref}")
        self.declared[ref] = policy

    async def remove_policy(self, ref: str) -> None:
        self._reach(f"remove {ref}")
        del self.declared[ref]

    async def set_emergency(self, emergency: Emergency | None) -> None:
        self._reach("emergency")
        self.emergency = emergency

    def limit_requests(self, per_minute: int | None) -> None:
        self.per_minute = per_minute

    def _reach(self, call: str) -> None:
        if self.away:
            raise UnavailableError("database away")
        self.calls.append(call)


def settings(**sections: Any) -> Settings:
    return Settings.model_validate(
        {
            "database": DatabaseSettings(url=SecretStr("postgresql://db/attune")),
            "message_queue": MessageQueueSettings(url=SecretStr("amqp://mq/")),
            **sections,
        }
    )


def policies(**limits: int) -> dict[str, Any]:
    return {"actions": {ref: {"concurrency_limit": limit} for ref, limit in limits.items()}}


async def test_only_what_changes_is_told() -> None:
    executor = Executor()
    await apply(executor, settings(policies=policies(kept=1, changed=1, dropped=1)))
    executor.calls.clear()
    await apply(executor, settings(policies=policies(kept=1, changed=2, added=3)))
    assert sorted(executor.calls) == ["emergency", "remove dropped", "set added", "set changed"]
    assert {ref: policy.concurrency for ref, policy in executor.declared.items()} == {
        "kept": 1,
        "changed": 2,
        "added": 3,
    }


async def test_queue_defaults_reach_every_policy_without_its_own() -> None:
    executor = Executor()
    await apply(executor, settings(policies=policies(a=1)))
    await apply(executor, settings(policies=policies(a=1), executor={"queue": {"max_queue_length": 20_000}}))
    assert executor.declared["a"].max_queue_length == 20_000


async def test_emergency_and_rate_limit_come_and_go() -> None:
    executor = Executor()
    limited = {"rate_limits": {"global": {"max_requests_per_minute": 500}}}
    await apply(executor, settings(executor={"emergency_mode": True}, api=limited))
    assert (executor.emergency, executor.per_minute) == (Emergency(), 500)
    await apply(executor, settings())
    assert (executor.emergency, executor.per_minute) == (None, None)


async def test_a_failure_is_told_and_repeating_completes_it() -> None:
    executor = Executor()
    executor.away = True
    with pytest.raises(UnavailableError):
        await apply(executor, settings(policies=policies(a=1, b=2)))
    executor.away = False
    await apply(executor, settings(policies=policies(a=1, b=2)))
    assert executor.declared.keys() == {"a", "b"}


def test_what_needs_a_restart_is_named() -> None:
    before = settings(policies=policies(a=1))
    followed = settings(
        policies=policies(b=2),
        executor={
            "emergency_mode": True,
            "emergency": {"close_below_priority": 3},
            "queue": {"max_queue_length": 5, "queue_timeout_seconds": 6},
        },
        api={"rate_limits": {"global": {"enabled": True}}},
        log={"level": "debug"},
    )
    assert needing_restart(before, followed) == []
    assert needing_restart(
        before,
        settings(
            database={"url": "postgresql://other/attune"},
            message_queue={"url": "amqp://other/"},
            executor={"queue": {"enable_metrics": False}},
            api={"port": 8081, "max_batch": 5},
        ),
    ) == ["api.max_batch", "api.port", "database.url", "executor.queue.enable_metrics", "message_queue.url"]


@pytest.mark.parametrize(("serving", "age", "expected"), [(True, 1.0, True), (True, 61.0, False), (False, 900.0, True)])
def test_an_executor_is_restarted_for_turns_not_made_and_not_for_an_absent_database(
    serving: bool, age: float, expected: bool
) -> None:
    assert turns(EngineHealth(serving, age, broker_connected=True, detail=""), 60) is expected
