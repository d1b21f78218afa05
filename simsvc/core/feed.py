"""The feed of campaign changes: read from the record, woken up by the publisher."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import Executor

from simsvc.domain.campaign import CampaignEvent
from simsvc.ports.record import Record

_BATCH = 100


class CampaignFeed:
    """A Publisher whose subscribers resume from any position.

    Events are read back from the record, so that a slow subscriber holds up nobody and one that
    was away misses nothing.
    """

    def __init__(self, record: Record, readers: Executor) -> None:
        self._record = record
        self._readers = readers
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._closed = False

    def publish(self, events: Sequence[CampaignEvent]) -> None:
        """Wake up the subscribers."""
        if events:
            self._loop.call_soon_threadsafe(self._wake)

    def close(self) -> None:
        """End every subscription."""
        self._closed = True
        self._wake()

    async def follow(self, after: int) -> AsyncIterator[CampaignEvent]:
        """Yield all changes above a position, then new ones, until the feed closes."""
        position = after
        while not self._closed:
            news = self._news
            events = await self._loop.run_in_executor(
                self._readers, self._record.campaign_events, position, _BATCH
            )
            for event in events:
                yield event
                position = event.position
            if not events:
                await news.wait()

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()
