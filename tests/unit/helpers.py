"""The core's parts over fakes, wired as `assembly` wires the real ones."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from simsvc.core.admission import Admission
from simsvc.core.analysis import AnalysisRule
from simsvc.core.campaigns import CampaignBook, CampaignRule
from simsvc.core.casework import Casework
from simsvc.core.commit import Committer
from simsvc.core.detection import DetectionRule, Detector
from simsvc.core.families import FamilyAssigner, FamilyRule
from simsvc.core.feed import CampaignFeed
from simsvc.core.ingest import Ingest
from simsvc.core.lifecycle import Lifecycle, Schedule
from simsvc.core.lookup import Lookup
from simsvc.core.membership import Membership
from simsvc.core.past import Past
from simsvc.core.popularity import FamilyTest
from simsvc.core.stage import Stage, Stages
from simsvc.core.views import Dissector
from simsvc.core.writer import Writer
from simsvc.domain.calibration import Calibration
from simsvc.domain.frames import FrameRule
from simsvc.domain.prompt import Message, Prompt, Role
from simsvc.domain.tokens import TokenSealer
from simsvc.domain.verdict import Thresholds
from simsvc.index.flat import FlatIndex
from simsvc.ports.generation import generation_id
from simsvc.ports.snapshots import Mark
from tests.fakes.embedder import DIMENSION, INFO, FakeEmbedder
from tests.fakes.prompts import HOUR, KEYRING, NOW
from tests.fakes.record import MemoryRecord

FAMILIES = FamilyTest(4, 24 * HOUR, 0.9, 0.5, 24 * HOUR)
RULE = DetectionRule(FAMILIES, AnalysisRule(), Thresholds())


def family_detector(rule: FamilyTest, index: FlatIndex | None = None) -> Detector:
    """Return a detector of which a test looks at the families."""
    rules = DetectionRule(rule, AnalysisRule(), Thresholds())
    return Detector(rules, index or FlatIndex(DIMENSION))


class FixedClock:
    def now(self) -> int:
        return NOW


class NoSnapshots:
    checkpoint = 0

    def __init__(self, damage: str = "") -> None:
        self.damage = damage

    def restore(self, highest: int, mark: Mark) -> str:
        return self.damage

    def capture(self, mark: Mark):
        return lambda: 0


class Core:
    """Make it on a running loop; `stop` it at the end."""

    def __init__(self, record: MemoryRecord | None = None, permits: int = 100) -> None:
        self.record = record or MemoryRecord()
        self.embedder = FakeEmbedder()
        index = FlatIndex(DIMENSION)
        self.stages = Stages(
            Stage(
                generation_id(INFO), generation_id(INFO), self.record, self.embedder, index,
                NoSnapshots(),
                FamilyAssigner(index, FamilyRule(0.85, 0.8, 8)), Detector(RULE, index),
                Calibration(),
            )
        )  # fmt: skip
        self.book = CampaignBook(CampaignRule(0.5, 240 * HOUR), "gen")
        self.threads, self.readers = ThreadPoolExecutor(1), ThreadPoolExecutor(2)
        self.dissector = Dissector(KEYRING, FrameRule())
        committer = Committer(self.stages, self.book, self.dissector, shadow=False)
        self.writer = Writer(committer, self.threads, 64)
        self.admission = Admission(permits)
        self.clock = FixedClock()
        sealer = TokenSealer(b"s" * 32)
        self.past = Past(self.stages, self.writer, self.readers)
        self.ingest = Ingest(
            self.stages, self.writer, self.admission, self.past, self.dissector, KEYRING,
            self.clock, self.readers, keep_raw_ids=False,
        )  # fmt: skip
        self.lookup = Lookup(
            self.stages, self.writer, KEYRING, sealer, self.clock, self.readers, Admission(8),
        )  # fmt: skip
        self.membership = Membership(self.record, self.book, KEYRING)
        self.feed = CampaignFeed(self.record, self.readers)
        self.casework = Casework(
            self.stages, self.book, self.membership, self.feed, sealer, self.readers
        )
        self.lifecycle = self.make_lifecycle(NoSnapshots())
        self.running = asyncio.create_task(self.writer.run())

    def make_lifecycle(
        self, snapshots: NoSnapshots, look_share: float = 1.0, look: float = 60.0
    ) -> Lifecycle:
        schedule = Schedule(1, look, 1, 1, 86400, 3600, look_share)
        self.stages.serving = replace(self.stages.serving, snapshots=snapshots)
        return Lifecycle(
            self.stages, self.book, self.membership, self.writer, self.feed, self.clock, schedule,
            self.dissector, self.past, self.readers,
        )  # fmt: skip

    @property
    def index(self) -> FlatIndex:
        return self.stages.serving.index

    @index.setter
    def index(self, index: FlatIndex) -> None:
        self.stages.serving = replace(self.stages.serving, index=index)

    @property
    def detector(self) -> Detector:
        return self.stages.serving.detector

    @detector.setter
    def detector(self, detector: Detector) -> None:
        self.stages.serving = replace(self.stages.serving, detector=detector)

    async def stop(self) -> None:
        self.writer.close()
        await self.running


def prompt(request_id: str, text: str = "", account: str = "account", org: str = "") -> Prompt:
    messages = (Message(Role.USER, text or f"text of {request_id}"),)
    return Prompt(request_id, account, NOW, messages, organization_id=org)
