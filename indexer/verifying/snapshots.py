"""Checks of a generation's index snapshot: its files, and its rows against the record."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from indexer.verifying.faults import Fault, Kind, Tally
from simsvc.domain.generation import GenerationState
from simsvc.index.inspection import Inspection, SegmentRows, inspect
from simsvc.ports.generation import Generation
from simsvc.ports.index import ROW_DTYPE, Rows
from simsvc.record.checks import RecordChecks

_WINDOW = 8192
_COLUMNS = tuple(name for name in ROW_DTYPE.names or () if name != "seq")


@dataclass(frozen=True, slots=True)
class IndexChecked:
    """The seq up to which a snapshot goes, None where none can be read, and what is wrong."""

    checkpoint: int | None
    faults: list[Fault]
    notes: list[str]


def check_snapshot(
    checks: RecordChecks, generation: Generation, folder: Path, cutoff: int, *, in_use: bool
) -> IndexChecked:
    """Check the snapshot of a generation that lies in a folder.

    Prompts observed before `cutoff` (µs) are due to go: the record may have dropped them before
    the next snapshot does. `in_use`: a server works on the index; folders that the manifest does
    not name are then those that its next snapshot will name, or remove.
    """
    found = inspect(folder, generation.generation_id)
    faults = _faults_of_files(found, in_use)
    notes = []
    if found.checkpoint is None and not found.manifest:
        if generation.state is GenerationState.SHADOW:
            faults.append(Fault(Kind.NO_SNAPSHOT, "the generation has no snapshot"))
        else:
            # A server that starts, or a rollback, reads the record where there is none.
            notes.append("no snapshot yet")
    # Rows of half an index would all be named as missing.
    if found.checkpoint is not None and not found.damages:
        comparison = _Comparison(checks, found.rows, found.checkpoint, cutoff)
        try:
            faults += comparison.run()
        except FileNotFoundError as error:
            # With the snapshot that it was of, most likely: the next look sees the new one.
            path = Path(error.filename)
            gone = "the file went while it was read"
            faults.append(
                Fault(Kind.CORRUPT_SEGMENT, gone, segment=path.parent.name, file=path.name)
            )
    return IndexChecked(found.checkpoint, faults, notes)


def _faults_of_files(found: Inspection, in_use: bool) -> list[Fault]:
    faults = [Fault(Kind.MANIFEST, found.manifest)] if found.manifest else []
    faults += [
        Fault(Kind.CORRUPT_SEGMENT, d.reason, segment=d.segment, file=d.file) for d in found.damages
    ]
    unknown = () if in_use else found.unknown
    reason = "the manifest does not know the segment"
    return [*faults, *(Fault(Kind.UNKNOWN_SEGMENT, reason, segment=name) for name in unknown)]


@dataclass(slots=True)
class _Comparison:
    """Goes through the rows of index and record side by side, a window of seqs at a time."""

    checks: RecordChecks
    segments: tuple[SegmentRows, ...]
    checkpoint: int
    cutoff: int
    missing: Tally = field(default_factory=Tally)
    foreign: Tally = field(default_factory=Tally)
    twice: Tally = field(default_factory=Tally)
    differing: dict[str, Tally] = field(default_factory=lambda: {c: Tally() for c in _COLUMNS})

    def run(self) -> list[Fault]:
        """Return where index and record disagree."""
        first = self._next(0)
        while first is not None:
            below = first + _WINDOW
            self._compare(
                self.checks.rows(first, min(below - 1, self.checkpoint)),
                self._indexed(first, below),
            )
            first = self._next(below)
        return [
            *self.missing.faults(Kind.NOT_IN_INDEX, "the index does not have the prompt"),
            *self.foreign.faults(
                Kind.NOT_IN_RECORD, "the index has it, the record up to the checkpoint has not"
            ),
            *self.twice.faults(Kind.ROW_DIFFERS, "the index has the prompt more than once"),
            *(
                fault
                for column, tally in self.differing.items()
                for fault in tally.faults(Kind.ROW_DIFFERS, f"{column} differs from the record")
            ),
        ]

    def _next(self, seq: int) -> int | None:
        """Return a seq from `seq` on below which neither index nor record has anything."""
        starts = [max(seq, s.first) for s in self.segments if s.last >= seq]
        recorded = self.checks.next_seq(seq, self.checkpoint)
        return min([*starts, *([] if recorded is None else [recorded])], default=None)

    def _indexed(self, first: int, below: int) -> Rows:
        parts = [
            s.between(first, below) for s in self.segments if s.first < below and s.last >= first
        ]
        rows = np.concatenate([np.empty(0, ROW_DTYPE), *parts])
        return rows[np.argsort(rows["seq"], kind="stable")]

    def _compare(self, recorded: Rows, indexed: Rows) -> None:
        again = np.zeros(len(indexed), bool)
        again[1:] = indexed["seq"][1:] == indexed["seq"][:-1]
        self.twice.add(np.unique(indexed["seq"][again]).tolist())
        indexed = indexed[~again]
        self.missing.add(np.setdiff1d(recorded["seq"], indexed["seq"], True).tolist())
        lost = ~np.isin(indexed["seq"], recorded["seq"], assume_unique=True)
        lost &= indexed["observed_at"] >= self.cutoff
        self.foreign.add(indexed["seq"][lost].tolist())
        both, at, where = np.intersect1d(
            recorded["seq"], indexed["seq"], assume_unique=True, return_indices=True
        )
        for column, tally in self.differing.items():
            tally.add(both[recorded[column][at] != indexed[column][where]].tolist())
