"""A disk that is full: nothing is left behind, and nothing that is cut short is taken for whole."""

from __future__ import annotations

import json
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest

from simsvc.index import files, snapshot
from simsvc.index.ann import Ann
from simsvc.index.block import Block
from simsvc.index.files import ANN, DIRECTIONS, ROWS, VECTORS, write_sealed
from simsvc.index.inverted import fill
from simsvc.index.segmented import SegmentedIndex
from simsvc.index.snapshot import MANIFEST
from simsvc.ports.index import Rows, Vectors
from tests.contract.indexes import (
    NEVER,
    NO_FILTER,
    RULES,
    fill_index,
    rows_of,
    segmented,
    vectors_of,
)

SEQS = range(1, 401)


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Let no file grow beyond a size, as if the disk were full then."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def folders(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_dir())


@pytest.fixture(scope="module")
def segment() -> tuple[Rows, Vectors, Ann]:
    """Rows with an inverted file of a few kilobytes, of some directions."""
    rows, vectors = rows_of(SEQS), vectors_of(SEQS)
    directions = np.eye(vectors.shape[1], 8, dtype=np.float32)
    lists = fill(vectors, directions, product=True)
    return rows, vectors, Ann(lists, (lists.lists,) * 6)


@pytest.mark.parametrize("name", [ROWS, VECTORS, ANN, DIRECTIONS])
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_file_whose_end_does_not_fit(
    tmp_path: Path,
    segment: tuple[Rows, Vectors, Ann],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    share: float,
) -> None:
    whole = write_sealed(tmp_path / "whole", 1, *segment).folder
    size = (whole / name).stat().st_size

    def full(path: Path, fill: Callable[[Any], object]) -> None:
        with room_for(int((size - 1) * share) if path.name == name else size + NEVER):
            write(path, fill)

    write = files._write_file
    monkeypatch.setattr(files, "_write_file", full)
    with pytest.raises(OSError, match="File too large"):
        write_sealed(tmp_path / "cut", 1, *segment)


def test_an_inverted_file_is_written_as_faiss_does(
    tmp_path: Path, segment: tuple[Rows, Vectors, Ann]
) -> None:
    folder = write_sealed(tmp_path / "whole", 1, *segment).folder
    faiss.write_index(segment[2].file.index, str(tmp_path / "ann"))
    assert (folder / ANN).read_bytes() == (tmp_path / "ann").read_bytes()


def test_a_merge_that_fails_leaves_no_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    index = segmented(tmp_path, RULES["merged"])
    # Sixteen rows fit, three times as many do not.
    with room_for(1500):
        fill_index(index, SEQS)
    assert "sealing_failed" in capsys.readouterr().out
    assert len(folders(tmp_path)) == len(SEQS) // 16
    assert all(name.startswith("sealed-") for name in folders(tmp_path))
    found = index.over(vectors_of([1])[0], -1.0, NO_FILTER)
    assert sorted(found["seq"].tolist()) == list(SEQS)


def test_a_folder_that_fails_takes_its_temporary_one_along(tmp_path: Path) -> None:
    with room_for(100), pytest.raises(OSError, match="large"):
        write_sealed(tmp_path / "sealed", 1, rows_of(SEQS), vectors_of(SEQS), None)
    assert folders(tmp_path) == []


def with_snapshot(folder: Path) -> tuple[SegmentedIndex, list[str]]:
    """Return an index with a snapshot of ten rows, nearly all of whose buckets have grown since."""
    index = segmented(folder, RULES["hot"])
    fill_index(index, range(1, 11))
    index.capture()()
    before = folders(folder)
    fill_index(index, range(11, 200))
    return index, before


def assert_whole(folder: Path, last: int) -> None:
    """Check that a snapshot holds all up to a seq, and that there is nothing else in the folder."""
    listed = {entry["folder"] for entry in json.loads((folder / MANIFEST).read_text())["segments"]}
    assert set(folders(folder)) == listed
    again = segmented(folder, RULES["hot"])
    assert (again.restore(), again.stats().prompts) == ("", last)


def test_a_snapshot_that_fails_leaves_nothing_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index, before = with_snapshot(tmp_path)
    written: list[Path] = []

    def full(folder: Path, block: Block) -> None:
        with room_for(100 if len(written) == 3 else NEVER):
            files.write_hot(folder, block)
        written.append(folder)

    with monkeypatch.context() as patch:
        patch.setattr(snapshot, "write_hot", full)
        with pytest.raises(OSError, match="File too large"):
            index.capture()()
    assert len(written) == 3
    assert folders(tmp_path) == before
    assert_whole(tmp_path, 10)
    assert index.capture()() == 199
    assert_whole(tmp_path, 199)


def test_a_manifest_that_fails_leaves_what_the_next_snapshot_removes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index, before = with_snapshot(tmp_path)

    def full(path: Path, data: bytes) -> None:
        with room_for(100):
            files.replace_file(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(snapshot, "replace_file", full)
        with pytest.raises(OSError, match="File too large"):
            index.capture()()
    assert set(before) < set(folders(tmp_path))
    fill_index(index, range(200, 205))
    assert index.capture()() == 204
    assert_whole(tmp_path, 204)
