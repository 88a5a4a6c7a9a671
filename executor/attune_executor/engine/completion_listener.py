"""CompletionListener: takes what workers report and brings it into the next turn.

Its lines in the log are what the runbook looks for: whether it listens, and whether completions came of late.
"""

from time import monotonic, time
from typing import Final

import structlog

from attune_executor.domain.backlog import Backlog
from attune_executor.engine.inbox import Inbox
from attune_executor.ports.broker import WorkerReport

_SECONDS_BETWEEN_LINES: Final = 10.0

_log = structlog.get_logger("CompletionListener")


class CompletionListener:
    """Receives the reports of workers; nothing is acknowledged before the turn that used it is committed."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self.last_report_at: float | None = None
        """When a worker last reported, in Unix seconds; None: none has."""
        self._untold = 0
        self._next_line = 0.0
        _log.info("CompletionListener listens for reports of workers")

    def on_report(self, report: WorkerReport) -> None:
        """Hand a report to the next turn."""
        self.last_report_at = time()
        if report.finished:
            self._tell(len(report.finished), report.finished[0].worker)
        self._inbox.report(report)

    @property
    def backlog(self) -> Backlog:
        """What was received and is not acknowledged."""
        return self._inbox.backlog()

    def _tell(self, count: int, worker: str | None) -> None:
        """Every so often: a line for each would be thousands a second."""
        self._untold += count
        now = monotonic()
        if now >= self._next_line:
            _log.info("notify_completion", completions=self._untold, latest_worker=worker)
            self._untold, self._next_line = 0, now + _SECONDS_BETWEEN_LINES
