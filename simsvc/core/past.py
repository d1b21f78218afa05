"""What the record holds of requests and texts that come again.

Most are new. The record is asked for those only that it may hold; until the keys of all that it
holds are read, which happens beside the traffic after a start, that is every one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import TypeVar

import structlog

from simsvc.core.coalesce import Coalescer
from simsvc.core.embedding import Known
from simsvc.core.novelty import Novelty
from simsvc.core.stage import Stages
from simsvc.core.writer import Writer
from simsvc.domain.errors import UnavailableError
from simsvc.ports.record import Answered

T = TypeVar("T")
# A request's id, and the hash of its payload.
Key = tuple[str, bytes]
_Part = str | bytes

_READ = 512
_PAGE = 1024
# Seconds before a record that could not be read is tried again.
_PAUSE = 5.0
_log = structlog.get_logger()


class Past:
    """Used from one event loop. `load` it beside the traffic."""

    def __init__(self, stages: Stages, writer: Writer, readers: Executor) -> None:
        self._stages = stages
        self._writer = writer
        self._readers = readers
        self._known: Coalescer[_Part, Answered | Known] = Coalescer(self._read, readers, _READ)
        self._novelty = Novelty()
        self._complete = False

    def may_hold(self, key: Key) -> bool:
        """Return whether the record may hold the request or the text."""
        return any(self._may_hold(part) for part in key)

    def note(self, key: Key, observed_at: int) -> None:
        """Remember a prompt that is about to be recorded, whatever becomes of it."""
        self._novelty.note(key, observed_at)

    def forget(self, before: int) -> None:
        """Let go of what was observed before this time (µs), as the record has."""
        self._novelty.forget(before)

    async def look_up(self, keys: Sequence[Key]) -> tuple[dict[str, Answered], dict[bytes, Known]]:
        """Return the answers by request, and the embeddings by payload, that the record holds.

        Of what it was not asked for, it holds nothing when this returns.
        """
        answered: dict[str, Answered] = {}
        embedded: dict[bytes, Known] = {}
        parts = [part for key in keys for part in key]
        asked: set[_Part] = set()
        # While some are looked up, another call may record others.
        while doubtful := [p for p in parts if p not in asked and self._may_hold(p)]:
            asked.update(doubtful)
            for part, known in (await self._ask(doubtful)).items():
                if isinstance(part, str) and isinstance(known, Answered):
                    answered[part] = known
                elif isinstance(part, bytes) and isinstance(known, Known):
                    embedded[part] = known
        return answered, embedded

    def _may_hold(self, part: _Part) -> bool:
        """Of a record that fails, anything: asking it refuses a prompt before the model works."""
        sure = self._complete and self._writer.writable
        return not (sure and self._novelty.is_new(part))

    async def _ask(self, parts: Sequence[_Part]) -> dict[_Part, Answered | Known]:
        try:
            return await self._known.get(parts)
        except UnavailableError:
            # No prompt gets as far as the writer, so nothing else would find out.
            self._writer.writable = False
            raise

    def _read(self, parts: Sequence[_Part]) -> dict[_Part, Answered | Known]:
        """Read both kinds in one turn of one thread: two would wait for each other."""
        stage = self._stages.serving
        found: dict[_Part, Answered | Known] = {}
        if requests := [part for part in parts if isinstance(part, str)]:
            found.update(stage.record.answered(requests))
        if payloads := [part for part in parts if isinstance(part, bytes)]:
            made = stage.record.embeddings(payloads)
            found.update({key: Known(stage.vectors_of, one) for key, one in made.items()})
        return found

    async def load(self) -> None:
        """Read the keys of all that is recorded, and rest as long as each page took."""
        started = time.monotonic()
        read, after = 0, 0
        # What comes from now on is noted as it comes.
        up_to = await self._retried(self._stages.serving.record.last_seq)
        while after < up_to:
            began = time.perf_counter()
            since = after
            page = await self._retried(
                lambda: self._stages.serving.record.keys(since, up_to, _PAGE)  # noqa: B023
            )
            if not page:
                break
            keys = [part for one in page for part in (one.request_id, one.payload_hash)]
            self._novelty.note(keys, max(one.observed_at for one in page))
            read, after = read + len(page), page[-1].seq
            await asyncio.sleep(time.perf_counter() - began)
        self._complete = True
        seconds = round(time.monotonic() - started, 3)
        _log.info("keys_loaded", prompts=read, seconds=seconds, bytes=self._novelty.bytes)

    async def _retried(self, read: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        while True:
            try:
                return await loop.run_in_executor(self._readers, read)
            except UnavailableError as error:
                _log.warning("keys_not_loaded", reason=str(error))
                await asyncio.sleep(_PAUSE)
