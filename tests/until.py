"""Waiting for what another thread or process does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


def until(holds: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait until something is so; AssertionError if it is not by then."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


async def until_async(holds: Callable[[], object], seconds: float = 60.0) -> None:
    """Do as `until` while the event loop goes on."""
    for _ in range(round(seconds / 0.005)):
        if holds():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it is still not so")
