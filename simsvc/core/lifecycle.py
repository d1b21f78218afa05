"""The service over time: recovery at the start, then ticks, snapshots and retention."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
import structlog

from simsvc.core.analysis import Moves, Samples
from simsvc.core.campaigns import CampaignBook
from simsvc.core.detection import Detector
from simsvc.core.membership import Membership
from simsvc.core.past import Past
from simsvc.core.retention import Retention, RetentionRule
from simsvc.core.sightings import Sighting
from simsvc.core.stage import Stage, Stages
from simsvc.core.suspicion import Suspicion
from simsvc.core.views import Dissector
from simsvc.core.writer import Writer
from simsvc.domain.audit import AuditNote
from simsvc.domain.campaign import CampaignEvent, CampaignState
from simsvc.domain.errors import UnavailableError
from simsvc.domain.prompt import MICROSECONDS
from simsvc.ports.clock import Clock
from simsvc.ports.publisher import Publisher
from simsvc.ports.record import Record, ReplayBatch

_REPLAY_BATCH = 4096
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Schedule:
    """Seconds between the recurring jobs, and how long prompts are kept.

    All accounts are looked at together when enough is new, and after `look` if anything is, or if a
    group waits to be found again; the looks take no more than the share `look_share` of the time.

    Prompts go by whole `bucket`s, as the index's segments do.
    """

    tick: float
    look: float
    snapshot: float
    retention_check: float
    retention: float
    bucket: float
    look_share: float = 1.0


def sightings_of(batch: ReplayBatch) -> Iterator[Sighting]:
    """Return recorded prompts as the detector sees them."""
    actors = np.where(
        batch.rows["organization"] > 0, -batch.rows["organization"], batch.rows["account"]
    )
    rows = batch.rows
    columns = [rows["seq"], rows["account"], actors, rows["observed_at"], rows["family"]]
    lists = [column.tolist() for column in columns]
    for values in zip(*lists, batch.payload_hashes, batch.traces, strict=True):
        yield Sighting(*values)


def restore(
    stage: Stage, up_to: int, also: Callable[[Sequence[Sighting]], None] = lambda _: None
) -> int:
    """Bring a generation's index and detector to a seq of the record; `also` sees each prompt.

    Returns how many prompts the newest snapshot did not hold.
    """
    damage = stage.snapshots.restore(stage.record.highest_seq(), stage.record.mark)
    if damage:
        _log.warning("snapshot_discarded", generation=stage.generation, reason=damage)
    checkpoint, replayed = stage.index.stats().last_seq, 0
    for batch in stage.record.replay(0, checkpoint, _REPLAY_BATCH, with_vectors=False):
        seen = list(sightings_of(batch))
        also(seen)
        stage.detector.observe(seen)
    for batch in stage.record.replay(checkpoint, up_to, _REPLAY_BATCH, with_vectors=True):
        stage.index.add(batch.rows, batch.vectors)
        seen = list(sightings_of(batch))
        also(seen)
        stage.detector.observe(seen)
        replayed += len(batch.rows)
    return replayed


class Lifecycle:
    """Drives everything that is not a request."""

    def __init__(
        self,
        stages: Stages,
        book: CampaignBook,
        membership: Membership,
        writer: Writer,
        publisher: Publisher,
        clock: Clock,
        schedule: Schedule,
        dissector: Dissector,
        past: Past,
        looking: Executor,
    ) -> None:
        self._past = past
        self._dissector = dissector
        self._looking = looking
        self._stages = stages
        self._book = book
        self._membership = membership
        self._writer = writer
        self._publisher = publisher
        self._clock = clock
        self._schedule = schedule
        rule = RetentionRule(
            int(schedule.retention * MICROSECONDS), int(schedule.bucket * MICROSECONDS)
        )
        self.retention = Retention(stages, writer, past, clock, rule)
        self.replayed = 0
        self.ticks = 0
        self._looked = 0.0
        self._rested = 0.0

    def recover(self) -> None:
        """Bring index, detector and campaigns to where the record is. Writing thread."""
        stage = self._stages.serving
        self.replayed = restore(stage, stage.record.last_seq(), self._restore_views)
        stage.detector.library.load(stage.record, self._dissector)
        campaigns = stage.record.campaigns()
        self._book.load(campaigns)
        self._book.settle(stage.detector)
        self._membership.learn(campaigns)

    def _restore_views(self, sightings: Sequence[Sighting]) -> None:
        self._dissector.restore([(seen.trace, seen.actor) for seen in sightings])

    async def look(self) -> int:
        """Look at all accounts together where enough is new, then `tick`.

        The look itself is beside the traffic: the writing thread only gathers and reports.
        """
        now = asyncio.get_running_loop().time()
        # A group found once is confirmed by traffic to come, or by there being none.
        open_ends = self._detector.unlooked or self._detector.unconfirmed
        force = now - self._looked >= self._schedule.look and bool(open_ends)
        gathered = None
        stage = self._stages.serving
        if now >= self._rested:
            gathered = await self._writer.call(lambda: self._gather(force=force))
        suspicions: list[Suspicion] | None = None
        if gathered is not None:
            self._looked = now
            suspicions = await asyncio.get_running_loop().run_in_executor(
                self._looking, _look_at, stage.detector, *gathered
            )
            done = asyncio.get_running_loop().time()
            self._rested = done + (done - now) * (1 / self._schedule.look_share - 1)
        return await self._writer.call(lambda: self._tick_of(stage, suspicions))

    def _gather(self, *, force: bool) -> tuple[Samples, Moves] | None:
        samples = self._detector.gather(self._book.suspects(), force=force)
        return (samples, self._detector.analyst.moves(samples)) if samples is not None else None

    def _tick_of(self, stage: Stage, suspicions: Sequence[Suspicion] | None) -> int:
        # What a generation suspected that has been replaced meanwhile says nothing of this one.
        serving = self._stages.serving
        if suspicions is None or stage is not serving:
            return self.tick()
        changes = self.tick(suspicions)
        serving.detector.take_up()
        return changes

    @property
    def _detector(self) -> Detector:
        return self._stages.serving.detector

    @property
    def _record(self) -> Record:
        return self._stages.serving.record

    def tick(self, suspicions: Sequence[Suspicion] | None = None) -> int:
        """Test what changed, record and publish the result; return the changes. Writing thread."""
        findings = self._detector.tick(self._book.is_reported, suspicions)
        events = self._book.plan(findings, self._detector, self._clock.now())
        self.ticks += 1
        if not events:
            return 0
        try:
            saved = self._record.save_campaigns(events, self._returns(events))
        except UnavailableError:
            self._detector.test_again(finding.family for finding in findings)
            raise
        # Whatever fails from here on, the book must be what the record is.
        self._book.apply(saved)
        self._publisher.publish(saved)
        self._membership.learn(self._book.all())
        return len(saved)

    def _returns(self, events: Sequence[CampaignEvent]) -> list[AuditNote]:
        """Note each dismissed campaign that new evidence opens again: a decision ends."""
        dismissed = CampaignState.DISMISSED
        notes = []
        for event in events:
            name = event.campaign.campaign_id
            before = self._book.get(name)
            if before is not None and before.state is dismissed is not event.campaign.state:
                notes.append(
                    AuditNote(
                        event.at, "(detector)", "return", name, name, '{"state": "dismissed"}',
                        '{"state": "open"}', "; ".join(event.campaign.review.news),
                    )
                )  # fmt: skip
        return notes

    async def snapshot(self) -> int:
        """Write a snapshot beside the traffic; return the checkpoint of the newest one.

        A disk that is full is no reason to stop, nor a record that cannot be read now: a restart
        has more to replay.
        """
        stage = self._stages.serving
        snapshots = stage.snapshots
        try:
            write = await self._writer.call(lambda: snapshots.capture(stage.record.mark))
            return await asyncio.to_thread(write)
        except (OSError, UnavailableError) as error:
            _log.error("snapshot_failed", reason=str(error))
            return snapshots.checkpoint

    async def run(self) -> None:
        """Run all recurring jobs until cancelled."""
        async with asyncio.TaskGroup() as jobs:
            jobs.create_task(self._every(self._schedule.tick, self._look))
            jobs.create_task(self._every(self._schedule.snapshot, self.snapshot))
            # One that is started anew more often than that would never drop anything.
            every = self._schedule.retention_check
            jobs.create_task(self._every(every, self._retain, at_once=True))
            jobs.create_task(self._past.load())

    async def _look(self) -> None:
        try:
            await self.look()
        except UnavailableError:
            self._writer.writable = False

    async def _retain(self) -> None:
        """Drop what is old; where the record cannot be written now, the next round does."""
        try:
            await self.retention.run()
        except UnavailableError:
            self._writer.writable = False

    async def _every(
        self, seconds: float, job: Callable[[], Awaitable[object]], *, at_once: bool = False
    ) -> None:
        if at_once:
            await job()
        while True:
            await asyncio.sleep(seconds)
            await job()


def _look_at(detector: Detector, samples: Samples, moves: Moves) -> list[Suspicion]:
    analyst = detector.analyst
    return analyst.analyse(analyst.populated(samples), moves)


class WriteProbe:
    """Finds out when the record is away, and when one that could not be written can be again."""

    def __init__(self, stages: Stages, writer: Writer, seconds: float) -> None:
        self._stages = stages
        self._writer = writer
        self._seconds = seconds

    async def run(self) -> None:
        """Probe for as long as the record fails or nothing is written, forever."""
        commits = 0
        while True:
            await asyncio.sleep(self._seconds)
            record, works = self._stages.serving.record, self._writer.writable
            if works and commits != self._writer.commits:
                commits = self._writer.commits
                continue
            try:
                # Where nobody writes, a read is enough, and wears no disk.
                await self._writer.call(record.highest_seq if works else record.check_writable)
            except UnavailableError:
                self._writer.writable = False
            else:
                self._writer.writable = True
