"""The state of the service, for `GetServerInfo` and the metrics."""

from __future__ import annotations

from dataclasses import dataclass

from simsvc.core.campaigns import CampaignBook
from simsvc.core.detection import Detector
from simsvc.core.writer import Writer
from simsvc.domain.calibration import Calibration
from simsvc.domain.validation import Limits
from simsvc.ports.embedder import ModelInfo
from simsvc.ports.generation import generation_id
from simsvc.ports.index import IndexStats, VectorIndex
from simsvc.ports.snapshots import Snapshots


@dataclass(frozen=True, slots=True)
class DetectionStatus:
    """What the detector has seen; `history` in µs."""

    accounts: int
    families: int
    open_campaigns: int
    history: int
    history_sufficient: bool


class Status:
    """Reads the parts of the service. Any thread may ask."""

    def __init__(
        self,
        version: str,
        model: ModelInfo,
        limits: Limits,
        index: VectorIndex,
        snapshots: Snapshots,
        writer: Writer,
        detector: Detector,
        book: CampaignBook,
        recorded: int,
        calibration: Calibration,
        *,
        shadow: bool,
    ) -> None:
        self.calibration = calibration
        self.shadow = shadow
        self.version = version
        self.model = model
        self.generation = generation_id(model)
        self.limits = limits
        self._index = index
        self._snapshots = snapshots
        self._writer = writer
        self._detector = detector
        self._book = book
        self._recorded = recorded

    def index(self) -> IndexStats:
        """Return the sizes of the index."""
        return self._index.stats()

    def snapshot_checkpoint(self) -> int:
        """Return the seq that the newest snapshot reaches."""
        return self._snapshots.checkpoint

    def index_lag(self) -> int:
        """Return how many recorded prompts cannot be found yet."""
        recorded = max(self._recorded, self._writer.last_recorded)
        return max(0, recorded - self._index.stats().last_seq)

    def detection(self) -> DetectionStatus:
        """Return what the detector has seen."""
        detector = self._detector
        return DetectionStatus(
            detector.accounts,
            detector.families,
            self._book.open_count(),
            detector.history,
            detector.history_sufficient,
        )
