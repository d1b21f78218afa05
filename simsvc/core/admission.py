"""Permits for prompts in flight: the one bound on everything that waits."""

from __future__ import annotations

import asyncio
import time
from collections import deque

from simsvc.domain.errors import OverloadedError

_RATE_SPAN = 5.0
_RETRY_RANGE = (0.05, 10.0)


class Admission:
    """A counting semaphore that sheds or waits, and knows how fast permits come back.

    Used from one event loop.
    """

    def __init__(self, permits: int) -> None:
        self._permits = permits
        self._in_use = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._released: deque[tuple[float, int]] = deque()

    @property
    def in_use(self) -> int:
        """Prompts in flight."""
        return self._in_use

    def admit(self, count: int) -> None:
        """Take permits now, or raise OverloadedError. An idle service takes any one request."""
        if self._waiting or not self._fits(count):
            raise OverloadedError(self._retry_after(count))
        self._in_use += count

    async def wait(self, count: int) -> None:
        """Take permits as soon as there are enough, first come first served."""
        if not self._waiting and self._fits(count):
            self._in_use += count
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((count, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release(count)
            else:
                self._grant()
            raise

    def release(self, count: int) -> None:
        """Give permits back."""
        self._in_use -= count
        self._released.append((time.monotonic(), count))
        self._trim()
        self._grant()

    def _grant(self) -> None:
        """Let those in who wait and fit; forget those who left."""
        while self._waiting:
            wanted, turn = self._waiting[0]
            if turn.cancelled():
                self._waiting.popleft()
            elif self._fits(wanted):
                self._waiting.popleft()
                self._in_use += wanted
                turn.set_result(None)
            else:
                return

    def _fits(self, count: int) -> bool:
        return self._in_use == 0 or self._in_use + count <= self._permits

    def _retry_after(self, count: int) -> float:
        """Return the seconds after which `count` permits should be free at the present rate."""
        self._trim()
        rate = sum(n for _, n in self._released) / _RATE_SPAN
        short = self._in_use + count - self._permits
        low, high = _RETRY_RANGE
        return min(high, max(low, short / rate)) if rate > 0 else 1.0

    def _trim(self) -> None:
        horizon = time.monotonic() - _RATE_SPAN
        while self._released and self._released[0][0] < horizon:
            self._released.popleft()
