"""The machine's clock."""

import time


class SystemClock:
    """Wall clock time."""

    def now(self) -> float:
        """Unix seconds."""
        return time.time()
