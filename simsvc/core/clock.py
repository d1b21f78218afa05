"""The system's clock."""

import time


class SystemClock:
    """See `Clock`."""

    def now(self) -> int:
        """See `Clock.now`."""
        return time.time_ns() // 1000
