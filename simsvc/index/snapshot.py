"""Snapshots: a manifest that names the files of one moment, replaced atomically."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import sys
import threading
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from simsvc.index.block import Block
from simsvc.index.files import checksums, read_hot, read_sealed, replace_file, write_hot
from simsvc.index.hot import HotSegment
from simsvc.index.sealed import SealedSegment
from simsvc.ports.snapshots import Mark

MANIFEST = "manifest.json"
_VERSION = 4


class CorruptSnapshotError(Exception):
    """A snapshot's file is missing or is not what was written."""


def _parsed(text: str) -> dict[str, Any]:
    manifest = json.loads(text)
    if not isinstance(manifest, dict):
        raise CorruptSnapshotError("the manifest is not a JSON object")
    return manifest


def _sha256_of(manifest: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Entry:
    """A segment in the manifest. `visits` (see `Ann`) is empty without an inverted file.

    `bucket` is a hot segment's; None for a sealed one, which may hold traffic of several: of that
    only what was observed from `since` (µs) on is left, whatever the files have.
    """

    folder: str
    bucket: int | None
    ordinal: int
    since: int
    visits: tuple[int, ...]
    files: dict[str, str]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a manifest says: up to which seq its snapshot goes, who had that, and the segments."""

    checkpoint: int
    mark: str
    entries: tuple[Entry, ...]


def read_manifest(folder: Path, generation_id: str) -> Manifest | None:
    """Read a generation's manifest; None if there is none.

    CorruptSnapshotError if it is not what was written, or is of another version or generation.
    """
    path = folder / MANIFEST
    try:
        manifest = _parsed(path.read_text())
        if manifest["version"] != _VERSION or manifest["generation"] != generation_id:
            raise CorruptSnapshotError("the manifest is of another version or generation")
        if manifest.pop("sha256") != _sha256_of(manifest):
            raise CorruptSnapshotError("the manifest is not what was written")
        entries = tuple(Entry(**entry) for entry in manifest["segments"])
        return Manifest(int(manifest["checkpoint"]), str(manifest["mark"]), entries)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise CorruptSnapshotError(f"{type(error).__name__}: {error}") from error


def _hot_name(hot: HotSegment, block: Block) -> str:
    return f"hot-{hot.ordinal:08d}-{len(block):08d}"


@dataclass(frozen=True, slots=True)
class SnapshotView:
    """The index at one moment: sealed segments, and hot ones with the block they had."""

    checkpoint: int
    mark: str
    segments: tuple[SealedSegment | tuple[HotSegment, Block], ...]


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a start begins with."""

    checkpoint: int
    segments: tuple[HotSegment | SealedSegment, ...]


@dataclass(frozen=True, slots=True)
class Bound:
    """How far the record goes that a snapshot is of, and what it says of a seq; see `Snapshots`."""

    highest: int
    mark: Mark

    def reason_against(self, manifest: Manifest) -> str:
        """Return why a snapshot is not of this record, "" if it is."""
        checkpoint = manifest.checkpoint
        if checkpoint > self.highest:
            # The record is older, or another one: it gives the seqs above to other prompts.
            goes = f"the snapshot goes to seq {checkpoint}"
            return f"{goes}, and the record never went beyond {self.highest}"
        mark = self.mark(checkpoint)
        # Retention may have taken the prompt from the record, before or after the snapshot.
        if mark and manifest.mark and mark != manifest.mark:
            return f"seq {checkpoint} was another prompt's when the snapshot was written"
        return ""


# Any snapshot will do.
NEWEST = Bound(sys.maxsize, lambda _: "")


class SnapshotStore:
    """Writes and reads the snapshots of one generation in one folder."""

    def __init__(self, folder: Path, generation_id: str) -> None:
        self.folder = folder
        self.checkpoint = 0
        self._generation_id = generation_id
        self._writing = threading.Lock()
        self._entries: dict[str, Entry] = {}
        self._dropped: set[str] = set()
        folder.mkdir(parents=True, exist_ok=True)

    def load(self, dimension: int, bound: Bound = NEWEST) -> Loaded:
        """Read the newest snapshot; empty if there is none.

        CorruptSnapshotError if it is damaged, or not within its bound: `discard` it, and the record
        rebuilds everything.
        """
        manifest = read_manifest(self.folder, self._generation_id)
        if manifest is None:
            self._remove_unlisted()
            return Loaded(0, ())
        reason = bound.reason_against(manifest)
        if reason:
            raise CorruptSnapshotError(reason)
        try:
            segments = tuple(self._read(entry, dimension) for entry in manifest.entries)
        except (OSError, ValueError, LookupError, TypeError, RuntimeError) as error:
            raise CorruptSnapshotError(f"{type(error).__name__}: {error}") from error
        self._entries = {entry.folder: entry for entry in manifest.entries}
        self.checkpoint = manifest.checkpoint
        self._remove_unlisted()
        return Loaded(self.checkpoint, segments)

    def discard(self) -> None:
        """Remove all that is there."""
        shutil.rmtree(self.folder)
        self.folder.mkdir(parents=True)

    def write(self, view: SnapshotView) -> int:
        """Write a snapshot and return its checkpoint. Files that are unchanged stay."""
        with self._writing:
            if view.checkpoint < self.checkpoint:
                return self.checkpoint  # A newer one was written meanwhile.
            new = {_hot_name(*s) for s in view.segments if not isinstance(s, SealedSegment)}
            new -= self._entries.keys()
            entries = self._write_all(view, new)
            # A manifest that fails late may be there all the same: they stay until the next one.
            self._dropped |= new
            self._write_manifest(view, entries)
            self._dropped |= set(self._entries)
            self._dropped -= {entry.folder for entry in entries}
            self._entries = {entry.folder: entry for entry in entries}
            self.checkpoint = view.checkpoint
            self._remove_dropped()
            return view.checkpoint

    def drop(self, folder: Path) -> None:
        """Remove a segment's folder with the next snapshot, which does not name it any more."""
        with self._writing:
            self._dropped.add(folder.name)

    def _remove_dropped(self) -> None:
        """Remove what no manifest names. What cannot be removed now is, with the next one."""
        for name in sorted(self._dropped):
            # Retention and a merge may both have let go of it, one before the last snapshot.
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(self.folder / name)
            self._dropped.discard(name)

    def _write_all(self, view: SnapshotView, new: Collection[str]) -> list[Entry]:
        """Write the segments of a view; if one fails, none of the `new` folders is left."""
        try:
            return [self._write(segment) for segment in view.segments]
        except BaseException:
            for name in new:
                shutil.rmtree(self.folder / name, ignore_errors=True)
            raise

    def _write_manifest(self, view: SnapshotView, entries: Sequence[Entry]) -> None:
        manifest = {
            "version": _VERSION,
            "generation": self._generation_id,
            "checkpoint": view.checkpoint,
            "mark": view.mark,
            "segments": [asdict(entry) for entry in entries],
        }
        manifest["sha256"] = _sha256_of(manifest)
        replace_file(self.folder / MANIFEST, json.dumps(manifest, indent=1).encode())

    def _write(self, segment: SealedSegment | tuple[HotSegment, Block]) -> Entry:
        if isinstance(segment, SealedSegment):
            visits = segment.ann.visits if segment.ann else ()
            return self._entry(segment, segment.folder.name, visits)
        hot, block = segment
        name = _hot_name(hot, block)
        if name not in self._entries:
            write_hot(self.folder / name, block)
        return self._entry(hot, name, ())

    def _entry(
        self, segment: SealedSegment | HotSegment, name: str, visits: tuple[int, ...]
    ) -> Entry:
        known = self._entries.get(name)
        files = known.files if known else checksums(self.folder / name)
        if isinstance(segment, HotSegment):
            return Entry(name, segment.bucket, segment.ordinal, 0, visits, files)
        return Entry(name, None, segment.ordinal, segment.since, visits, files)

    def _read(self, entry: Entry, dimension: int) -> HotSegment | SealedSegment:
        folder = self.folder / entry.folder
        if checksums(folder) != entry.files:
            raise CorruptSnapshotError(f"{entry.folder} is not what was written")
        if entry.bucket is not None:
            return read_hot(folder, entry.bucket, entry.ordinal, dimension)
        return read_sealed(folder, entry.ordinal, tuple(entry.visits)).after(entry.since)

    def _remove_unlisted(self) -> None:
        """Remove what a crash left between two manifests."""
        for path in self.folder.iterdir():
            if path.is_dir() and path.name not in self._entries:
                shutil.rmtree(path)
