"""How a command ends when it does not end well: one line for people, a code for scripts."""

from typing import Final

EXIT_REFUSED: Final = 1
"""Somebody said no, there is no such thing, or an execution did not succeed."""
EXIT_USAGE: Final = 2
"""The command line is not understood; the number that the parser of command lines uses itself."""
EXIT_UNREACHABLE: Final = 3
"""The Kubernetes API or the executor does not answer: nothing is known to have happened."""
EXIT_NOT_YET: Final = 4
"""Written or accepted, but what was waited for did not come in time."""


class CtlError(Exception):
    """A command cannot go on. The text says why and what to do; ``code`` is the exit code."""

    code = EXIT_REFUSED


class UsageError(CtlError):
    """What was asked for makes no sense."""

    code = EXIT_USAGE


class NotFoundError(CtlError):
    """There is no such object."""


class ForbiddenError(CtlError):
    """The user may not do that."""


class UnreachableError(CtlError):
    """Nobody answers."""

    code = EXIT_UNREACHABLE


class NotYetError(CtlError):
    """It did not happen in time."""

    code = EXIT_NOT_YET
