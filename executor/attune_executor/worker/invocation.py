"""Runs one action where it belongs: on the loop, in a thread or in a process."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from attune_executor.observability import LogSettings
from attune_executor.wire.dispatches import Assignment
from attune_executor.worker.outcome import MAX_RESULT_BYTES, Outcome, failure, raised, success
from attune_executor.worker.processes import ActionProcesses
from attune_executor.worker.registry import Action, Mode
from attune_executor.worker.threads import ActionThreads


class Invoker:
    """Runs actions for up to ``slots`` executions at once.

    Args:
        actions: what can be run, by ref.
        slots: executions at once.
        max_result_bytes: the most JSON that an action may return.
        log: how the processes log.
    """

    def __init__(
        self,
        actions: Mapping[str, Action[..., Any]],
        slots: int,
        max_result_bytes: int = MAX_RESULT_BYTES,
        log: LogSettings | None = None,
    ) -> None:
        self._actions = dict(actions)
        self._max_result_bytes = max_result_bytes
        self._threads = ActionThreads(slots)
        self._processes = ActionProcesses(max_result_bytes, log or LogSettings())

    @property
    def left_behind(self) -> int:
        """Calls that nobody awaits any more and that still run."""
        return self._threads.left_behind

    def when_one_left_behind_ends(self, call: Callable[[], None]) -> None:
        """Have ``call`` called on the loop each time."""
        self._threads.on_end = call

    def action(self, ref: str) -> Action[..., Any] | None:
        """What ``ref`` names, where it is known."""
        return self._actions.get(ref)

    def prepare(self) -> None:
        """Start a process ahead of the first execution that needs one."""
        if any(action.mode is Mode.PROCESS for action in self._actions.values()):
            self._processes.prepare()

    async def invoke(self, assignment: Assignment, on_begin: Callable[[], None]) -> Outcome:
        """Run what ``assignment`` asks for; ``on_begin`` is called when it really begins.

        Raises:
            asyncio.CancelledError: when the caller is cancelled, and for nothing else that an action does.
        """
        ref = assignment.action_ref
        action = self._actions.get(ref)
        if action is None:
            return failure(
                f"no action {ref!r} on this worker: install the package that provides it, or send it to another pool;"
                f" here are {', '.join(sorted(self._actions))}"
            )
        try:
            if action.mode is Mode.PROCESS:
                return await self._processes.run(assignment.execution_id, ref, assignment.parameters, on_begin)
            on_begin()
            arguments = action.parameters.bind(assignment.parameters)
            if action.mode is Mode.LOOP:
                result = await action.function(**arguments)
            else:
                result = await self._threads.run(partial(action.function, **arguments))
            return success(result, self._max_result_bytes)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            return failure(f"{ref} was cancelled from within: it awaited something that was cancelled")
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever an action does fails its execution alone
            return raised(error, ref, assignment.execution_id)

    async def close(self) -> None:
        """End the processes; threads that run are not waited for."""
        self._threads.close()
        await self._processes.close()
