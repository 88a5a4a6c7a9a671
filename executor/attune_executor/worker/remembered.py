"""What a worker has done lately, so that what is delivered again is reported again instead of run again."""

from collections import OrderedDict
from typing import Final

from attune_executor.worker.execution import Execution, Key

_PARAMETERS_REMEMBERED_BYTES: Final = 256
"""Nobody needs them once the execution is done; to drop small ones would cost more than to keep them."""


class Remembered:
    """The executions that were confirmed last.

    Args:
        limit: how many.
        limit_bytes: how much their results may take up together.
    """

    def __init__(self, limit: int, limit_bytes: int) -> None:
        self._limit = limit
        self._limit_bytes = limit_bytes
        self._executions: OrderedDict[Key, Execution] = OrderedDict()
        self._bytes = 0

    def add(self, execution: Execution) -> list[Execution]:
        """Remember a confirmed execution; returns those that are forgotten for it."""
        if len(execution.assignment.parameters) > _PARAMETERS_REMEMBERED_BYTES:
            execution.assignment = execution.assignment._replace(parameters=b"{}")
        self._executions[execution.key] = execution
        self._bytes += _size(execution)
        forgotten: list[Execution] = []
        while len(self._executions) > self._limit or self._bytes > self._limit_bytes:
            _, oldest = self._executions.popitem(last=False)
            self._bytes -= _size(oldest)
            forgotten.append(oldest)
        return forgotten

    def take(self, key: Key) -> Execution | None:
        """An execution that is back; None where it is not remembered."""
        execution = self._executions.pop(key, None)
        if execution is not None:
            self._bytes -= _size(execution)
        return execution


def _size(execution: Execution) -> int:
    completion = execution.completion
    return len(completion.result) if completion is not None and completion.result is not None else 0
