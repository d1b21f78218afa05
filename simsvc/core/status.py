"""The state of the service, for `GetServerInfo` and the metrics."""

from __future__ import annotations

from dataclasses import dataclass

from simsvc.core.campaigns import CampaignBook
from simsvc.core.stage import Stages
from simsvc.core.writer import Writer
from simsvc.domain.calibration import Calibration
from simsvc.domain.validation import Limits
from simsvc.ports.embedder import ModelInfo
from simsvc.ports.index import IndexStats


@dataclass(frozen=True, slots=True)
class DetectionStatus:
    """What the detector has seen; `history` in µs."""

    accounts: int
    families: int
    open_campaigns: int
    history: int
    history_sufficient: bool
    unlooked: int
    unconfirmed: int


class Status:
    """Reads the parts of the service. Any thread may ask."""

    def __init__(
        self,
        version: str,
        limits: Limits,
        stages: Stages,
        writer: Writer,
        book: CampaignBook,
        recorded: int,
        *,
        shadow: bool,
    ) -> None:
        self.shadow = shadow
        self.version = version
        self.limits = limits
        self._stages = stages
        self._writer = writer
        self._book = book
        self._recorded = recorded

    @property
    def generation(self) -> str:
        """Return the generation that answers."""
        return self._stages.serving.generation

    @property
    def model(self) -> ModelInfo:
        """Return what its vectors are made with."""
        return self._stages.serving.embedder.info

    @property
    def dimension(self) -> int:
        """Return how many values a vector has."""
        return self._stages.serving.index.dimension

    @property
    def calibration(self) -> Calibration:
        """Return what its thresholds rest on."""
        return self._stages.serving.calibration

    def index(self) -> IndexStats:
        """Return the sizes of the index."""
        return self._stages.serving.index.stats()

    def snapshot_checkpoint(self) -> int:
        """Return the seq that the newest snapshot reaches."""
        return self._stages.serving.snapshots.checkpoint

    def index_lag(self) -> int:
        """Return how many recorded prompts cannot be found yet."""
        recorded = max(self._recorded, self._writer.last_recorded)
        return max(0, recorded - self.index().last_seq)

    def detection(self) -> DetectionStatus:
        """Return what the detector has seen."""
        detector = self._stages.serving.detector
        return DetectionStatus(
            detector.accounts,
            detector.families,
            self._book.open_count(),
            detector.history,
            detector.history_sufficient,
            detector.unlooked,
            detector.unconfirmed,
        )
