"""CompletionListener: takes what workers report and brings it into the next turn."""

import structlog

from attune_executor.engine.inbox import Inbox
from attune_executor.ports.broker import WorkerReport

_log = structlog.get_logger("CompletionListener")


class CompletionListener:
    """Receives the reports of workers; nothing is acknowledged before the turn that used it is committed."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    def on_report(self, report: WorkerReport) -> None:
        """Hand a report to the next turn."""
        if report.finished:
            _log.debug("notify_completion", count=len(report.finished), worker=report.finished[0].worker)
        self._inbox.report(report)
