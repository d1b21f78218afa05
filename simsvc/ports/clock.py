"""The time."""

from typing import Protocol


class Clock(Protocol):
    """Tells the time of day."""

    def now(self) -> int:
        """Return microseconds since the epoch, UTC."""
        ...
