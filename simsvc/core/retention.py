"""Retention: what is older than a time goes from the record, and from memory with it.

Campaigns stay, with the last change of each; what they were before goes as prompts do.
"""

from __future__ import annotations

from dataclasses import dataclass

from simsvc.core.past import Past
from simsvc.core.stage import Stages
from simsvc.core.writer import Writer
from simsvc.ports.clock import Clock
from simsvc.ports.record import PURGED


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """Prompts are kept for `time` µs, and go by whole `bucket`s, as the index's segments do."""

    time: int
    bucket: int

    def cutoff(self, now: int) -> int:
        """Return before what prompts go."""
        return (now - self.time) // self.bucket * self.bucket


class Retention:
    """Drops in parts, each its own turn on the writing thread: commits go between.

    Index and detector forget in the turn of the first part, so that nothing is found that is not in
    the record. What breaks off is left to the next run.
    """

    def __init__(
        self, stages: Stages, writer: Writer, past: Past, clock: Clock, rule: RetentionRule
    ) -> None:
        self._stages = stages
        self._writer = writer
        self._past = past
        self._clock = clock
        self._rule = rule
        # Before which everything was purged the last time.
        self._purged = 0
        # Which generation's memory has forgotten last, and up to when.
        self._forgotten = ("", 0)

    async def run(self) -> int:
        """Drop what is older than the retention time; return the prompts that went.

        Raises UnavailableError where the record cannot be written.
        """
        cutoff = self._rule.cutoff(self._clock.now())
        gone, part = 0, PURGED
        while part == PURGED:
            part = await self._writer.call(lambda: self._drop_part(cutoff))
            gone += part
        # What was on its way to the writer during a purge is gone with the next one.
        self._past.forget(self._purged)
        self._purged = cutoff
        part = PURGED
        while part == PURGED:
            part = await self._writer.call(lambda: self._drop_changes(cutoff))
        return gone

    def _drop_changes(self, cutoff: int) -> int:
        return self._stages.serving.record.purge_changes(cutoff, PURGED)

    def _drop_part(self, cutoff: int) -> int:
        """Purge a part; memory forgets all of it with the first, and later what came in between."""
        # One that is about to take over changes on another thread, and forgets when it serves.
        stage = self._stages.serving
        gone = stage.record.purge(cutoff, PURGED)
        new = self._forgotten != (stage.generation, cutoff)
        # A start has made the detector from the record: it knows nothing that is not there.
        fresh = not self._forgotten[0] and not gone
        if gone or new:
            dropped = stage.index.drop_before(cutoff)
            # It goes through all that it knows, and commits wait for that.
            if dropped or (new and not fresh):
                stage.detector.forget(cutoff)
            self._forgotten = (stage.generation, cutoff)
        return gone
