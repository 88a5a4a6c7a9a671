"""The executor on its own: what its configuration says is put in force, and again whenever the file is read anew.

Policies, emergency mode, the API's rate limit and logging follow while it runs; what cannot is named in the log.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, Protocol

import structlog
from pydantic import BaseModel

from attune_executor.app import Executor
from attune_executor.backoff import Backoff
from attune_executor.configuration import ConfigurationError
from attune_executor.domain.emergency import Emergency
from attune_executor.domain.policy import QueuePolicy
from attune_executor.engine.views import EngineHealth, UnavailableError
from attune_executor.service_manager import ServiceManager
from attune_executor.settings import Settings

_FOLLOWED: Final = (
    "policies",
    "log",
    "api.rate_limits",
    "executor.emergency",
    "executor.emergency_mode",
    "executor.queue.max_queue_length",
    "executor.queue.queue_timeout_seconds",
)

_log: Final = structlog.get_logger("attune.executor")


class Configurable(Protocol):
    """What of an executor can be changed while it runs."""

    def policies(self) -> Mapping[str, QueuePolicy]:
        """Declared policies by action."""
        ...

    async def set_policy(self, ref: str, policy: QueuePolicy) -> None:
        """Declare an action's policy; raises UnavailableError."""
        ...

    async def remove_policy(self, ref: str) -> None:
        """Refuse new executions of an action; raises UnavailableError."""
        ...

    async def set_emergency(self, emergency: Emergency | None) -> None:
        """Relax and close, or no longer; raises UnavailableError."""
        ...

    def limit_requests(self, per_minute: int | None) -> None:
        """Take so many submitting requests a minute; None for as many as come."""
        ...


async def run(settings: Settings, stop: asyncio.Event, reload: asyncio.Event, load: Callable[[], Settings]) -> None:
    """Run an executor with its configuration until ``stop``, or until it fails; raises what it failed of.

    Args:
        settings: to start with.
        stop: set to end in order.
        reload: set to have the configuration read again.
        load: reads it; raises ConfigurationError.
    """
    executor = Executor(settings)
    manager = ServiceManager()
    stopping = asyncio.create_task(stop.wait())
    try:
        await _until(stopping, executor.start(lambda: _apply_in_the_end(executor, settings)))
        if not stop.is_set():
            manager.ready(_status(executor))
            await _until(
                stopping,
                executor.wait(),
                _follow(executor, settings, reload, load, manager),
                manager.watch(lambda: turns(executor.health(), settings.api.turn_stall_seconds)),
            )
    finally:
        stopping.cancel()
        manager.stopping()
        await executor.stop()


async def _until(stopping: asyncio.Task[Any], *works: Coroutine[Any, Any, None]) -> None:
    """Work until the first of these ends, or it is time to stop; raises what they failed of."""
    tasks = [asyncio.create_task(work) for work in works]
    await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
    ended = [task for task in tasks if task.done()]
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    for task in ended:
        task.result()


def _status(executor: Configurable) -> str:
    return f"{len(executor.policies())} policies in force"


def turns(health: EngineHealth, stall_seconds: float) -> bool:
    """Whether a restart would not help: turns are made, or cannot be for want of the database."""
    return not health.serving or health.last_turn_age_seconds <= stall_seconds


async def _follow(
    executor: Configurable,
    started: Settings,
    reload: asyncio.Event,
    load: Callable[[], Settings],
    manager: ServiceManager,
) -> None:
    while True:
        await reload.wait()
        reload.clear()
        try:
            # On a thread: a file of a thousand policies takes longer to read than a turn may be held up.
            settings = await asyncio.to_thread(load)
        except ConfigurationError as error:
            _log.error("configuration refused, the one before stays in force", reason=str(error))
            continue
        settings.log.configure()
        await _apply_in_the_end(executor, settings)
        _log.info("configuration read again and in force", policies=len(executor.policies()))
        if keys := needing_restart(started, settings):
            _log.warning("restart the executor for what changed under these keys", keys=keys)
        manager.ready(_status(executor))


async def _apply_in_the_end(executor: Configurable, settings: Settings) -> None:
    backoff = Backoff()
    while True:
        try:
            await apply(executor, settings)
        except UnavailableError as error:
            _log.warning("configuration not in force yet, trying again", reason=str(error))
            await backoff.wait()
        else:
            return


async def apply(executor: Configurable, settings: Settings) -> None:
    """Put in force what ``settings`` says and is not; policies that it does not name are removed.

    Raises:
        UnavailableError: not known to be in force; try again.
    """
    executor.limit_requests(settings.api.rate_limits.every_caller.per_minute)
    declared = settings.queue_policies()
    present = executor.policies()
    # All at once, for the turn to commit together. Those that fail are told of when none is under way any more.
    outcomes = await asyncio.gather(
        executor.set_emergency(settings.emergency()),
        *(executor.set_policy(ref, policy) for ref, policy in declared.items() if present.get(ref) != policy),
        *(executor.remove_policy(ref) for ref in present.keys() - declared.keys()),
        return_exceptions=True,
    )
    for outcome in outcomes:
        if outcome is not None:
            raise outcome


def needing_restart(started: Settings, now: Settings) -> list[str]:
    """The keys that differ and that a running executor does not follow, sorted."""
    return sorted(
        key
        for key in _differing(started, now, "")
        if not any(key == followed or key.startswith(f"{followed}.") for followed in _FOLLOWED)
    )


def _differing(one: BaseModel, other: BaseModel, prefix: str) -> list[str]:
    keys: list[str] = []
    for name in type(one).model_fields:
        left: Any = getattr(one, name)
        right: Any = getattr(other, name)
        if isinstance(left, BaseModel) and isinstance(right, BaseModel):
            keys += _differing(left, right, f"{prefix}{name}.")
        elif left != right:
            keys.append(f"{prefix}{name}")
    return keys
