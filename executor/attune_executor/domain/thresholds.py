"""The runbook's "Key Metrics to Track": above which figure a queue calls for somebody, and what it calls for."""

from enum import IntEnum
from typing import Final


class Severity(IntEnum):
    """How urgent a note is."""

    FINE = 0
    WARNING = 1
    CRITICAL = 2


ADD_WORKERS: Final = "add workers"
RAISE_CONCURRENCY: Final = "raise concurrency"
"""What stands for ADD_WORKERS where as many run as the limit allows: workers beyond that would idle."""

LENGTH_NOTES: Final = (
    (1000, Severity.CRITICAL, "emergency response"),
    (500, Severity.CRITICAL, ADD_WORKERS),
    (100, Severity.WARNING, "investigate load"),
)
"""Above so many waiting executions. The first that applies counts."""
AGE_NOTES: Final = (
    (1800, Severity.CRITICAL, "oldest over 30 min: critical issue"),
    (600, Severity.WARNING, "oldest over 10 min: check workers"),
)
"""The same for the seconds that the head of the queue has waited."""
STUCK_SECONDS: Final = 600
"""The runbook's "Last Updated > 10 min": nothing has moved for so long where there is something to do."""
