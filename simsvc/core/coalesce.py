"""Reads that are asked for at the same time are made together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Coalescer(Generic[K, V]):
    """Calls a blocking batch read in a thread, one at a time, for all keys that wait by then.

    Two hundred single prompts then cost one statement, not two hundred. Used from one event loop.
    """

    def __init__(
        self, read: Callable[[Sequence[K]], Mapping[K, V]], threads: Executor, most: int
    ) -> None:
        self._read = read
        self._threads = threads
        self._most = most
        self._waiting: dict[K, asyncio.Future[V | None]] = {}
        self._running: asyncio.Task[None] | None = None

    async def get(self, keys: Sequence[K]) -> dict[K, V]:
        """Return the values of those keys that have one."""
        loop = asyncio.get_running_loop()
        futures = {
            key: self._waiting.setdefault(key, loop.create_future()) for key in dict.fromkeys(keys)
        }
        if self._running is None and self._waiting:
            self._running = asyncio.create_task(self._run())
        # Shielded: a caller who leaves must not take the answer from one who asked for the same.
        values = await asyncio.gather(*(asyncio.shield(f) for f in futures.values()))
        return {k: v for k, v in zip(futures, values, strict=True) if v is not None}

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                keys = list(self._waiting)[: self._most]
                futures = [self._waiting.pop(key) for key in keys]
                try:
                    found = await loop.run_in_executor(self._threads, self._read, keys)
                except Exception as error:  # noqa: BLE001 - handed on to every caller
                    for future in futures:
                        future.set_exception(error)
                        future.exception()
                    continue
                for key, future in zip(keys, futures, strict=True):
                    future.set_result(found.get(key))
        finally:
            self._running = None
