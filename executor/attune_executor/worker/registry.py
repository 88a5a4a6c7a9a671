"""Actions: functions that executions name, found through the entry points of installed packages.

[project.entry-points."attune.actions"]
weather = "weather.actions"          # a module; every action in its namespace is registered
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any, Final, Generic, ParamSpec, TypeVar

from attune_executor.worker.parameters import Parameters

ENTRY_POINT_GROUP: Final = "attune.actions"

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


class Mode(StrEnum):
    """Where an action runs, and what becomes of a run that is stopped."""

    LOOP = "loop"
    """On the worker's loop, which it must not block; cancelled. Async functions only, and unless told otherwise."""
    THREAD = "thread"
    """In a thread, which nothing can stop: its slot stays taken until it ends. Other functions, unless told."""
    PROCESS = "process"
    """In a process of its own; killed, with all that it started."""


class PackError(Exception):
    """A package of actions cannot be used; the message names it and says why."""


class ActionError(Exception):
    """Raised by an action to fail with ``message``; ``details`` (JSON values) go into the result beside it."""

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.details = details


@dataclass(frozen=True)
class Action(Generic[_Arguments, _Result]):
    """A function that executions run under the name ``ref``; call it like the function it is."""

    ref: str
    function: Callable[_Arguments, _Result]
    parameters: Parameters
    mode: Mode
    is_async: bool
    timeout_seconds: float | None
    """How long a run may take, where the queue's policy does not say less."""

    def __call__(self, *arguments: _Arguments.args, **keywords: _Arguments.kwargs) -> _Result:
        """Call the function itself, without checking its parameters."""
        return self.function(*arguments, **keywords)


def action(
    ref: str, *, run_in: Mode | str | None = None, timeout_seconds: float | None = None
) -> Callable[[Callable[_Arguments, _Result]], Action[_Arguments, _Result]]:
    """Make a function the action ``ref``.

    Its parameters are checked against its annotations; what it returns becomes the result, as JSON. Async functions
    run on the worker's loop and must not block it, other functions in threads, and both in processes where ``run_in``
    says ``"process"``. A run that takes longer than ``timeout_seconds``, or than its queue's policy allows, is stopped.

    Raises:
        TypeError: when the function's signature cannot be filled from a JSON object.
        ValueError: when it cannot run there, or the timeout is not above 0.
    """
    if timeout_seconds is not None and timeout_seconds <= 0:
        raise ValueError(f"action {ref!r}: timeout_seconds is {timeout_seconds:g}, it must be above 0")

    def make(function: Callable[_Arguments, _Result]) -> Action[_Arguments, _Result]:
        is_async = _is_async(function)
        usual = Mode.LOOP if is_async else Mode.THREAD
        mode = usual if run_in is None else Mode(run_in)
        if mode not in {usual, Mode.PROCESS}:
            kind = "an async function" if is_async else "a function that is not async"
            raise ValueError(f"action {ref!r}: {kind} runs in {usual.value!r} or 'process', not in {mode.value!r}")
        return Action(ref, function, Parameters(function), mode, is_async, timeout_seconds)

    return make


class ActionRegistry(Mapping[str, Action[..., Any]]):
    """The actions that this worker can run, by ref."""

    def __init__(self, actions: Iterable[Action[..., Any]] = ()) -> None:
        self._actions: dict[str, Action[..., Any]] = {}
        for each in actions:
            self.add(each)

    @classmethod
    def installed(cls) -> "ActionRegistry":
        """The actions of every installed package.

        Raises:
            PackError: when a package cannot be imported, or two provide the same action.
        """
        registry = cls()
        for entry_point in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda each: each.name):
            for each in _actions_of(entry_point):
                registry.add(each)
        return registry

    def add(self, new: Action[..., Any]) -> None:
        """Register an action; raises PackError when another one has its ref."""
        known = self._actions.setdefault(new.ref, new)
        if known is not new:
            raise PackError(
                f"action {new.ref!r} is defined twice, in {known.function.__module__} and {new.function.__module__}:"
                " rename one or uninstall its package"
            )

    def __getitem__(self, ref: str) -> Action[..., Any]:
        return self._actions[ref]

    def __iter__(self) -> Any:
        return iter(self._actions)

    def __len__(self) -> int:
        return len(self._actions)


def _is_async(function: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(function)


def _actions_of(entry_point: EntryPoint) -> list[Action[..., Any]]:
    pack = f"action package {entry_point.name!r} ({entry_point.value})"
    try:
        module = entry_point.load()
    except Exception as error:
        raise PackError(
            f"{pack} cannot be imported: {type(error).__name__}: {error}; repair or uninstall it"
        ) from error
    if not isinstance(module, ModuleType):
        raise PackError(f"{pack} must name a module, not a {type(module).__name__}")
    return [each for each in vars(module).values() if isinstance(each, Action)]
