"""Makes kopf's log lines fit to be read among the operator's own."""

import logging
from typing import Final

# kopf may well leave the signals alone: they are the main thread's.
_EXPECTED: Final = "OS signals are ignored"


class KopfFilter(logging.Filter):
    """Lets kopf's warnings through, without the settings that it attaches to each line."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to write ``record``."""
        if not record.name.startswith("kopf"):
            return True
        vars(record).pop("settings", None)
        return record.levelno >= logging.WARNING and _EXPECTED not in record.getMessage()


def quieten_kopf() -> None:
    """Put the filter before everything that is written; call it after logging is configured."""
    for handler in logging.getLogger().handlers:
        handler.addFilter(KopfFilter())
