"""A look at a snapshot's files from outside: nothing is loaded, changed or removed.

Another process may replace the snapshot meanwhile. Whoever finds damage looks again before
believing it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simsvc.index.files import ROWS, VECTORS
from simsvc.index.snapshot import CorruptSnapshotError, Entry, read_manifest
from simsvc.ports.index import ROW_DTYPE, Rows

# A number of fp16 is off by 2⁻¹¹ of itself at the most, and so is a vector's length.
UNIT_TOLERANCE = 4 * 2.0**-11
_BATCH = 8192


@dataclass(frozen=True, slots=True)
class Damage:
    """What is wrong with a segment; `file` is "" where it is the whole folder."""

    segment: str
    file: str
    reason: str


@dataclass(frozen=True, slots=True)
class SegmentRows:
    """Where a segment's rows lie, and the seqs that they span: first ≤ seq ≤ last.

    Those observed before `since` are gone, though they are in the file.
    """

    path: Path
    first: int
    last: int
    since: int

    def between(self, first: int, below: int) -> Rows:
        """Return the rows left with first ≤ seq < below, ascending."""
        rows = np.load(self.path, mmap_mode="r")
        start, end = np.searchsorted(rows["seq"], [first, below])
        found = np.array(rows[start:end])
        return found[found["observed_at"] >= self.since]


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found. `checkpoint` is None without a readable manifest.

    `manifest` says what is wrong with it, "" for nothing. `unknown` are folders that it does not
    name. `rows` has the segments that are whole and not empty.
    """

    checkpoint: int | None
    manifest: str
    damages: tuple[Damage, ...]
    unknown: tuple[str, ...]
    rows: tuple[SegmentRows, ...]


def inspect(folder: Path, generation_id: str) -> Inspection:
    """Check every file of a generation's snapshot against its manifest.

    The folder need not be there. OSError if a file is there and cannot be read.
    """
    there = tuple(sorted(p.name for p in folder.iterdir() if p.is_dir())) if folder.is_dir() else ()
    try:
        manifest = read_manifest(folder, generation_id)
    except CorruptSnapshotError as error:
        # Which folders it named is not known: the repair makes all of them anew.
        return Inspection(None, str(error), (), (), ())
    if manifest is None:
        return Inspection(None, "", (), there, ())
    damages: list[Damage] = []
    rows: list[SegmentRows] = []
    for entry in manifest.entries:
        found = _damages(folder, entry)
        if not found:
            read = _rows(folder, entry)
            if isinstance(read, Damage):
                found = [read]
            elif read is not None:
                rows.append(read)
        damages += found
    named = {entry.folder for entry in manifest.entries}
    unknown = tuple(name for name in there if name not in named)
    return Inspection(manifest.checkpoint, "", tuple(damages), unknown, tuple(rows))


def _damages(folder: Path, entry: Entry) -> list[Damage]:
    """Return which files of a segment are not what the manifest says."""
    segment = folder / entry.folder
    try:
        there = {path.name: path for path in segment.iterdir()}
    except (FileNotFoundError, NotADirectoryError):
        return [Damage(entry.folder, "", "the folder is missing")]
    found = []
    for name in sorted(there.keys() | entry.files.keys()):
        if name not in entry.files:
            found.append(Damage(entry.folder, name, "the manifest does not know the file"))
        elif name not in there or (digest := _digest(there[name])) is None:
            found.append(Damage(entry.folder, name, "the file is missing"))
        elif digest != entry.files[name]:
            found.append(Damage(entry.folder, name, "the content is not what was written"))
    return found


def _digest(path: Path) -> str | None:
    """Return a file's SHA-256; None if it is no file, or was removed a moment ago."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (FileNotFoundError, IsADirectoryError):
        return None


def _rows(folder: Path, entry: Entry) -> SegmentRows | Damage | None:
    """Return where a whole segment's rows lie; None if it has none."""
    path = folder / entry.folder / ROWS
    try:
        rows = np.load(path, mmap_mode="r")
        vectors = np.load(path.with_name(VECTORS), mmap_mode="r")
    except (FileNotFoundError, ValueError, EOFError) as error:
        return Damage(entry.folder, "", f"it cannot be read: {type(error).__name__}")
    if rows.dtype != ROW_DTYPE or rows.ndim != 1 or (np.diff(rows["seq"]) <= 0).any():
        return Damage(entry.folder, ROWS, "these are no rows that ascend by seq")
    if vectors.dtype != np.float16 or vectors.ndim != 2 or len(vectors) != len(rows):
        return Damage(entry.folder, VECTORS, "these are no vectors of its rows")
    for start in range(0, len(vectors), _BATCH):
        norms = np.linalg.norm(vectors[start : start + _BATCH].astype(np.float32), axis=1)
        # What is not finite is not near 1 either.
        if not (np.abs(norms - 1.0) <= UNIT_TOLERANCE).all():
            return Damage(entry.folder, VECTORS, "a vector is not of unit length")
    if not len(rows):
        return None
    return SegmentRows(path, int(rows["seq"][0]), int(rows["seq"][-1]), entry.since)
