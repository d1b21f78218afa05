"""A generation in memory: all that was made with one model, and which of them answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from simsvc.core.detection import Detector
from simsvc.core.families import FamilyAssigner
from simsvc.domain.calibration import Calibration
from simsvc.ports.embedder import Embedder
from simsvc.ports.index import VectorIndex
from simsvc.ports.record import Record
from simsvc.ports.snapshots import Snapshots


@dataclass(frozen=True, slots=True)
class Stage:
    """What compares with each other: a model, its vectors, and what was learned from them.

    `record` reads and writes the vectors and families of this generation, which are those of
    `vectors_of`.
    """

    generation: str
    vectors_of: str
    record: Record
    embedder: Embedder
    index: VectorIndex
    snapshots: Snapshots
    assigner: FamilyAssigner
    detector: Detector
    calibration: Calibration


class Stages:
    """The generation that answers, and the one that is about to take its place.

    The writing thread changes it. Whoever reads takes `serving` once for one answer.
    """

    def __init__(self, serving: Stage) -> None:
        self.serving = serving
        # New prompts are embedded for it too, for the last stretch before it takes over.
        self.next: Stage | None = None

    def __iter__(self) -> Iterator[Stage]:
        yield self.serving
        if self.next is not None:
            yield self.next

    def flip(self) -> Stage:
        """Let the next one take over; return the one that answered until now."""
        if self.next is None:
            raise LookupError("no generation is about to take over")
        old, self.serving, self.next = self.serving, self.next, None
        return old
