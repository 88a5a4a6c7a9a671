"""Brings what an operator does by SQL into the turns: executions ended by hand, actions switched off and on."""

import asyncio

import structlog

from attune_executor.engine.inbox import Inbox
from attune_executor.ports.journal import Journal, JournalError

_log = structlog.get_logger("attune.engine")


class OperatorWatch:
    """Looks every ``interval_seconds``, at a table that is empty but for what has just been changed."""

    def __init__(self, journal: Journal, inbox: Inbox, interval_seconds: float = 1.0) -> None:
        self._journal = journal
        self._inbox = inbox
        self._interval_seconds = interval_seconds

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await asyncio.sleep(self._interval_seconds)
            try:
                changes = await self._journal.operator_changes()
            except JournalError as error:
                # The turns meet the same outage and say what comes of it.
                _log.debug("operator changes not read", reason=str(error))
                continue
            if changes.ended or changes.enabled:
                _log.info("operator changes by SQL", ended=len(changes.ended), actions=len(changes.enabled))
                self._inbox.operator_changed(changes)
