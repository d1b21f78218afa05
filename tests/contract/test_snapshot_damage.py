"""A damaged snapshot is told, removed, and replaced: it never becomes a wrong index."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simsvc.index.segmented import SegmentedIndex
from simsvc.index.segments import SegmentRule
from tests.contract.indexes import BUCKET, fill_index, segmented, vectors_of

RULE = SegmentRule(BUCKET, 48, 48, 1.0)
SEQS = range(1, 401)
MANIFEST = "manifest.json"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a snapshot of sealed and hot segments."""
    index = segmented(tmp_path, RULE)
    fill_index(index, SEQS)
    index.capture()()
    assert segmented(tmp_path, RULE).restore() == ""
    return tmp_path


def assert_discarded(folder: Path, generation: str = "gen-1") -> str:
    """Check that a start finds the damage, and that all goes on from an empty index."""
    index = segmented(folder, RULE, generation=generation)
    reason = index.restore()
    assert reason
    assert (index.stats().prompts, index.stats().segments, index.stats().last_seq) == (0, 0, 0)
    assert index.checkpoint == 0
    assert list(folder.iterdir()) == []
    fill_index(index, SEQS)
    assert index.capture()() == SEQS[-1]
    assert_whole(segmented(folder, RULE, generation=generation))
    return reason


def assert_whole(index: SegmentedIndex) -> None:
    assert index.restore() == ""
    assert (index.stats().prompts, index.checkpoint) == (len(SEQS), SEQS[-1])
    np.testing.assert_array_equal(index.vectors(list(SEQS)), vectors_of(SEQS))


def a_file(folder: Path, pattern: str) -> Path:
    return sorted(folder.glob(pattern))[0]


FILES = [
    "sealed-*/rows.npy",
    "sealed-*/vectors.npy",
    "sealed-*/ann.faiss",
    "hot-*/rows.npy",
    "hot-*/vectors.npy",
]


def flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def empty(path: Path) -> None:
    path.write_bytes(b"")


HARMS: list[Callable[[Path], None]] = [flip_a_bit, cut_off, empty, Path.unlink]


@pytest.mark.parametrize("pattern", FILES)
@pytest.mark.parametrize("harm", HARMS)
def test_a_file_that_is_not_what_was_written(
    folder: Path, pattern: str, harm: Callable[[Path], None]
) -> None:
    path = a_file(folder, pattern)
    harm(path)
    reason = assert_discarded(folder)
    assert path.name in reason or path.parent.name in reason


@pytest.mark.parametrize("kind", ["sealed-*", "hot-*"])
def test_a_folder_that_is_missing(folder: Path, kind: str) -> None:
    shutil.rmtree(a_file(folder, kind))
    assert_discarded(folder)


def test_a_file_too_many(folder: Path) -> None:
    (a_file(folder, "hot-*") / "more").write_bytes(b"x")
    assert_discarded(folder)


@pytest.mark.parametrize("length", [0, 1, 100, -3])
def test_a_manifest_that_was_cut_off(folder: Path, length: int) -> None:
    path = folder / MANIFEST
    path.write_bytes(path.read_bytes()[:length])
    assert_discarded(folder)


@pytest.mark.parametrize("data", [b"null", b"[]", b"{}", b"7", b"\xff\xfe", b'{"version": 1}'])
def test_a_manifest_that_is_none(folder: Path, data: bytes) -> None:
    (folder / MANIFEST).write_bytes(data)
    assert_discarded(folder)


def change(folder: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    path = folder / MANIFEST
    manifest = json.loads(path.read_text())
    edit(manifest)
    path.write_text(json.dumps(manifest))


def test_a_snapshot_of_another_generation(folder: Path) -> None:
    assert "generation" in assert_discarded(folder, "gen-2")


def test_a_snapshot_of_another_version(folder: Path) -> None:
    change(folder, lambda m: m.update(version=1))
    assert "version" in assert_discarded(folder)


@pytest.mark.parametrize(
    "edit",
    [
        lambda m: m.pop("segments"),
        lambda m: m.update(segments=[None]),
        lambda m: m["segments"][0].pop("visits"),
        lambda m: m["segments"][0].update(more=1),
        lambda m: m["segments"][0].update(files={}),
    ],
)
def test_a_manifest_whose_segments_are_not_told(
    folder: Path, edit: Callable[[dict[str, Any]], object]
) -> None:
    change(folder, edit)
    assert_discarded(folder)


def test_a_manifest_without_a_checkpoint(folder: Path) -> None:
    change(folder, lambda m: m.pop("checkpoint"))
    assert_discarded(folder)


@pytest.mark.parametrize(
    "edit",
    [
        lambda m: m.update(checkpoint=m["checkpoint"] + 512),
        lambda m: m["segments"].pop(),
        lambda m: m["segments"][0].update(ordinal=m["segments"][0]["ordinal"] + 1),
        lambda m: m["segments"][0].update(since=1000),
    ],
)
def test_a_manifest_that_was_changed(
    folder: Path, edit: Callable[[dict[str, Any]], object]
) -> None:
    change(folder, edit)
    assert_discarded(folder)
