"""What can be wrong with a generation."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, field

from simsvc.domain.generation import GenerationState
from simsvc.ports.generation import Generation

# Seqs that are named; all are counted.
NAMED = 20
CHECKED = (GenerationState.SERVING, GenerationState.SHADOW, GenerationState.RETIRED)


class Kind(enum.StrEnum):
    """The kinds of faults: first those of the record, then those of the index."""

    MISSING_VECTOR = "missing_vector"
    BAD_VECTOR = "bad_vector"
    ORPHAN_VECTOR = "orphan_vector"
    ORPHAN_FAMILY = "orphan_family"
    NO_SNAPSHOT = "no_snapshot"
    MANIFEST = "manifest"
    CORRUPT_SEGMENT = "corrupt_segment"
    UNKNOWN_SEGMENT = "unknown_segment"
    NOT_IN_INDEX = "not_in_index"
    NOT_IN_RECORD = "not_in_record"
    ROW_DIFFERS = "row_differs"


_OF_VECTORS = (Kind.MISSING_VECTOR, Kind.BAD_VECTOR, Kind.ORPHAN_VECTOR, Kind.ORPHAN_FAMILY)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: `count` prompts of which `seqs` are the first, or a place in the index's files.

    `segment` and `file` are names within the generation's index folder, "" where none is meant.
    """

    kind: Kind
    reason: str
    count: int = 1
    seqs: tuple[int, ...] = ()
    segment: str = ""
    file: str = ""

    @property
    def of_index(self) -> bool:
        """Return whether it is the index that is wrong, not the record."""
        return self.kind not in _OF_VECTORS


@dataclass(slots=True)
class Tally:
    """Counts seqs and keeps the first of them."""

    count: int = 0
    first: list[int] = field(default_factory=list)

    def add(self, seqs: Iterable[int]) -> None:
        """Count seqs."""
        for seq in seqs:
            self.count += 1
            if len(self.first) < NAMED:
                self.first.append(int(seq))

    def faults(self, kind: Kind, reason: str) -> list[Fault]:
        """Return the fault that these seqs make; none where nothing was counted."""
        return [Fault(kind, reason, self.count, tuple(self.first))] if self.count else []


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found of a generation. `checkpoint` is None where no snapshot can be read.

    `prompts` are those of the record. `notes` are no faults.
    """

    generation: Generation
    prompts: int
    checkpoint: int | None
    faults: tuple[Fault, ...]
    notes: tuple[str, ...] = ()
