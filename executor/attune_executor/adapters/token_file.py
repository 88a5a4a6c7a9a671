"""Callers by a file of tokens: for executors outside of Kubernetes that more than their own machine reaches.

The file holds SHA-256 hashes, so that whoever reads it can do nothing with it. It is read again when it changes; one
with a mistake is refused in a line of the log, and what was read before stays in force.
"""

import hashlib
import hmac
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

import structlog
from pydantic import Field, ValidationError, model_validator

from attune_executor.configuration import ConfigurationError, describe
from attune_executor.ports.authorization import Caller, Verb
from attune_executor.sections import Section
from attune_executor.settings_sources import read_file

_LOOK_SECONDS: Final = 1.0

_log: Final = structlog.get_logger("attune.api")


class TokenEntry(Section):
    """One of ``tokens``.

    Attributes:
        name: who has the token; shown in the log and in answers.
        sha256: the token's hash in hexadecimal: ``printf %s "$TOKEN" | sha256sum``.
        verbs: what they may do; everything unless set.
        actions: to which actions; to every one unless set. Metrics are for those who may list every one.
    """

    name: Annotated[str, Field(min_length=1, max_length=253)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")]
    verbs: frozenset[Verb] = frozenset(Verb)
    actions: frozenset[str] | None = None

    def may(self, verb: Verb, action_ref: str | None) -> bool:
        """Whether this is among what they may do."""
        return verb in self.verbs and (self.actions is None or action_ref in self.actions)


class TokenFile(Section):
    """The whole file."""

    tokens: tuple[TokenEntry, ...]

    @model_validator(mode="after")
    def _told_apart(self) -> "TokenFile":
        names = [entry.name for entry in self.tokens]
        if len(set(names)) < len(names):
            raise ValueError("tokens: two have the same name; give each its own, and list several actions in one")
        return self


class FileAuthorizer:
    """Implements `attune_executor.ports.authorization.Authorizer`.

    Args:
        file: where the tokens are; see ``TokenFile``.
        clock: seconds, for when to look at the file again.

    Raises:
        ConfigurationError: the file cannot be read.
    """

    def __init__(self, file: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._file = file
        self._clock = clock
        self._stamp = _stamp(file)
        self._entries = _read(file)
        self._looked = clock()

    async def authenticate(self, token: str | None) -> Caller | None:
        """Whose token it is. Takes as long for a wrong one as for a right one."""
        self._look()
        if token is None:
            return None
        digest = hashlib.sha256(token.encode()).hexdigest()
        matching = [name for name, entry in self._entries.items() if hmac.compare_digest(digest, entry.sha256.lower())]
        return Caller(matching[0]) if matching else None

    async def may(self, caller: Caller, verb: Verb, action_ref: str | None) -> bool:
        """As the file says now."""
        entry = self._entries.get(caller.name)
        return entry is not None and entry.may(verb, action_ref)

    async def may_read_metrics(self, caller: Caller) -> bool:
        """Those who may list every action's executions."""
        return await self.may(caller, Verb.LIST, None)

    def _look(self) -> None:
        now = self._clock()
        if now - self._looked < _LOOK_SECONDS:
            return
        self._looked = now
        stamp = _stamp(self._file)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._entries = _read(self._file)
        except ConfigurationError as error:
            _log.error("tokens refused, those before stay in force", reason=str(error))
        else:
            _log.info("tokens read again", tokens=len(self._entries))


def _stamp(file: Path) -> tuple[int, int, int] | None:
    """Different when the file is; None where it cannot be looked at."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _read(file: Path) -> dict[str, TokenEntry]:
    try:
        parsed = TokenFile.model_validate(read_file(file))
    except ValidationError as error:
        raise ConfigurationError(f"{file}: {describe(error, TokenFile)}") from error
    return {entry.name: entry for entry in parsed.tokens}
