"""Snapshots of the index: what is written is what is restored, and damage is found."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from simsvc.index.segmented import SegmentedIndex
from simsvc.index.segments import SegmentRule
from simsvc.ports.index import IndexFilter
from tests.contract.indexes import (
    BUCKET,
    NO_FILTER,
    Later,
    fill_index,
    one_core,
    rows_of,
    segmented,
    vectors_of,
)

# 48 rows of a bucket are sealed; 80 rows a bucket leave 32 hot.
RULE = SegmentRule(BUCKET, 48, 48, 1.0)
SEQS = range(1, 401)
QUERIES = vectors_of(range(5_000, 5_010))
MANIFEST = "manifest.json"


@pytest.fixture(autouse=True, scope="module")
def _one_core() -> Iterator[None]:
    with one_core():
        yield


def opened(folder: Path) -> SegmentedIndex:
    return segmented(folder, RULE)


def written(folder: Path, seqs: range = SEQS) -> SegmentedIndex:
    """Return an index of these rows whose snapshot is in the folder."""
    index = opened(folder)
    fill_index(index, seqs)
    assert index.capture()() == seqs[-1]
    return index


def restored(folder: Path) -> SegmentedIndex:
    index = opened(folder)
    assert index.restore() == ""
    return index


def assert_holds(index: SegmentedIndex, seqs: list[int]) -> None:
    """Check that an index holds the rows of these seqs, and that both searches find them."""
    assert index.stats().prompts == len(seqs)
    np.testing.assert_array_equal(index.vectors(seqs), vectors_of(seqs))
    rows, vectors = rows_of(seqs), vectors_of(seqs)
    for query in QUERIES[:3]:
        hits = np.sort(index.over(query, -1.0, NO_FILTER), order="seq")
        assert hits["seq"].tolist() == seqs
        for name in ("account", "organization", "observed_at"):
            np.testing.assert_array_equal(hits[name], rows[name])
        np.testing.assert_allclose(hits["score"], vectors @ query, atol=1e-5)
    if not seqs:
        return
    nearest = index.nearest(QUERIES, 5)
    best = np.argsort(-(QUERIES @ vectors.T), axis=1)[:, :5]
    np.testing.assert_array_equal(nearest.rows, rows[best])


def folders(folder: Path, kind: str = "") -> set[str]:
    return {path.name for path in folder.iterdir() if path.name.startswith(kind) and path.is_dir()}


def listed(folder: Path) -> set[str]:
    return {entry["folder"] for entry in json.loads((folder / MANIFEST).read_text())["segments"]}


def test_without_a_snapshot_nothing_is_restored(tmp_path: Path) -> None:
    index = restored(tmp_path)
    assert index.checkpoint == 0
    assert_holds(index, [])


def test_a_restored_index_is_the_one_that_was_captured(tmp_path: Path) -> None:
    before = written(tmp_path)
    assert before.checkpoint == SEQS[-1]
    after = restored(tmp_path)
    assert after.checkpoint == SEQS[-1]
    assert after.stats() == before.stats()
    assert before.stats().segments == 10
    assert_holds(after, list(SEQS))
    where = IndexFilter(account=3, start=BUCKET, end=4 * BUCKET, up_to_seq=300)
    for query in QUERIES:
        found = [np.sort(i.over(query, 0.1, where), order="seq") for i in (before, after)]
        np.testing.assert_array_equal(found[0]["seq"], found[1]["seq"])


def test_an_empty_index_has_a_snapshot_too(tmp_path: Path) -> None:
    assert opened(tmp_path).capture()() == 0
    assert_holds(restored(tmp_path), [])


def test_the_checkpoint_moves_when_the_snapshot_is_written(tmp_path: Path) -> None:
    index = written(tmp_path, range(1, 101))
    fill_index(index, range(101, 201))
    write = index.capture()
    assert index.checkpoint == 100
    assert write() == 200
    assert index.checkpoint == 200
    assert restored(tmp_path).checkpoint == 200


def test_what_is_added_after_the_capture_is_not_in_it(tmp_path: Path) -> None:
    index = opened(tmp_path)
    fill_index(index, range(1, 101))
    write = index.capture()
    # Fills up the hot segments of the capture in place, seals them, and opens others.
    fill_index(index, range(101, 401))
    assert write() == 100
    after = restored(tmp_path)
    assert after.stats().last_seq == 100
    assert_holds(after, list(range(1, 101)))
    assert_holds(index, list(SEQS))


def test_the_replayed_tail_makes_it_whole(tmp_path: Path) -> None:
    written(tmp_path, range(1, 151))
    after = restored(tmp_path)
    fill_index(after, range(after.checkpoint + 1, 401), batch=37)
    assert_holds(after, list(SEQS))
    # And once more, over the segments that the tail has sealed.
    assert after.capture()() == 400
    assert_holds(restored(tmp_path), list(SEQS))


def test_a_snapshot_after_another_keeps_what_is_unchanged(tmp_path: Path) -> None:
    index = written(tmp_path, range(1, 301))
    sealed = {name: (tmp_path / name).stat().st_ino for name in folders(tmp_path, "sealed-")}
    assert len(sealed) == 5
    fill_index(index, range(301, 401))
    index.capture()()
    assert {n: (tmp_path / n).stat().st_ino for n in sealed} == sealed
    index.capture()()
    assert folders(tmp_path) == listed(tmp_path)
    assert_holds(restored(tmp_path), list(SEQS))


def test_superseded_folders_go(tmp_path: Path) -> None:
    index = written(tmp_path, range(1, 101))
    first = folders(tmp_path)
    assert len(first) == 5
    assert all(name.startswith("hot-") for name in first)
    fill_index(index, range(101, 401))
    index.capture()()
    assert not first & folders(tmp_path)
    assert folders(tmp_path) == listed(tmp_path)


def test_retention_then_a_snapshot(tmp_path: Path) -> None:
    index = written(tmp_path)
    before = folders(tmp_path)
    kept = [s for s in SEQS if s % 5 >= 2]
    assert index.drop_before(2 * BUCKET) == len(SEQS) - len(kept)
    # Until the next snapshot the files stay, for a crash would need them.
    assert folders(tmp_path) == before
    index.capture()()
    assert folders(tmp_path) == listed(tmp_path)
    assert len(before - folders(tmp_path)) == 4
    after = restored(tmp_path)
    assert_holds(after, kept)
    assert after.checkpoint == SEQS[-1]
    fill_index(after, range(401, 501))
    assert_holds(after, kept + list(range(401, 501)))


def test_retention_between_a_capture_and_its_writing(tmp_path: Path) -> None:
    index = written(tmp_path)
    write = index.capture()
    index.drop_before(2 * BUCKET)
    write()
    assert_holds(restored(tmp_path), list(SEQS))
    index.capture()()
    assert_holds(restored(tmp_path), [s for s in SEQS if s % 5 >= 2])


def test_a_capture_during_a_sealing(tmp_path: Path) -> None:
    sealer = Later()
    index = segmented(tmp_path, RULE, sealer)
    index.add(rows_of(SEQS), vectors_of(SEQS))
    write = index.capture()
    sealer.run()
    assert write() == SEQS[-1]
    assert_holds(restored(tmp_path), list(SEQS))


def test_a_full_segment_that_was_not_sealed_yet_is_sealed_after_a_restart(tmp_path: Path) -> None:
    index = segmented(tmp_path, RULE, Later())
    index.add(rows_of(SEQS), vectors_of(SEQS))
    index.capture()()
    after = restored(tmp_path)
    fill_index(after, range(401, 801))
    after.capture()()
    assert_holds(restored(tmp_path), list(range(1, 801)))
    # 160 rows a bucket: three full segments and one hot.
    assert len(folders(tmp_path, "hot-")) == 5


def test_leftovers_of_a_crash_go_at_the_next_start(tmp_path: Path) -> None:
    written(tmp_path)
    whole = folders(tmp_path)
    for name in ("sealed-00000099", "hot-00000098-00000007", "hot-00000001-00000009.tmp"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "rows.npy").write_bytes(b"half")
    (tmp_path / "manifest.json.tmp").write_bytes(b"half")
    index = restored(tmp_path)
    assert folders(tmp_path) == whole
    assert_holds(index, list(SEQS))
    index.capture()()
    assert {p.name for p in tmp_path.iterdir()} == whole | {MANIFEST}


def test_a_leftover_of_the_name_of_a_new_segment_is_replaced(tmp_path: Path) -> None:
    for name in ("sealed-00000001", "sealed-00000001.tmp", "hot-00000006-00000032.tmp"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "other").write_bytes(b"half")
    index = written(tmp_path)
    assert_holds(index, list(SEQS))
    assert_holds(restored(tmp_path), list(SEQS))
    assert not list(tmp_path.glob("*/other"))


def test_leftovers_of_a_crash_before_the_first_snapshot_go(tmp_path: Path) -> None:
    index = opened(tmp_path)
    fill_index(index, SEQS)
    assert len(folders(tmp_path, "sealed-")) == 5
    # Killed here. The next start has nothing to restore, and its segments get other numbers.
    restored(tmp_path)
    assert folders(tmp_path) == set()


def test_a_segment_sealed_and_dropped_between_two_snapshots_goes(tmp_path: Path) -> None:
    index = opened(tmp_path)
    fill_index(index, SEQS)
    index.drop_before(5 * BUCKET)
    index.capture()()
    assert folders(tmp_path) == listed(tmp_path) == set()


def test_an_older_capture_that_is_written_late_takes_nothing_back(tmp_path: Path) -> None:
    index = opened(tmp_path)
    fill_index(index, range(1, 101))
    older = index.capture()
    fill_index(index, range(101, 401))
    index.capture()()
    older()
    assert index.capture()() == SEQS[-1]
    assert_holds(restored(tmp_path), list(SEQS))
