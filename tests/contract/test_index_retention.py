"""Retention passes through segments that hold many buckets: what is old is not found at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import faiss
import numpy as np
import pytest

from simsvc.index import background
from simsvc.index.files import VECTORS, write_sealed
from simsvc.index.segmented import SegmentedIndex
from simsvc.index.segments import SegmentRule
from simsvc.ports.index import ROW_DTYPE, IndexFilter
from tests.contract.indexes import (
    BUCKET,
    NO_FILTER,
    RULES,
    Later,
    fill_index,
    rows_of,
    segmented,
    vectors_of,
)
from tests.contract.test_index_product import embeddings

SEQS = range(1, 401)
QUERIES = vectors_of(range(5_000, 5_010))
MERGED = RULES["merged"]
# Small segments without an inverted file, too.
EXACT = SegmentRule(BUCKET, 16, 10**6, 1.0, fanout=3, largest=144)


def kept_from(time: int, seqs: Sequence[int] = SEQS) -> list[int]:
    rows = rows_of(seqs)
    found: list[int] = rows["seq"][rows["observed_at"] >= time].tolist()
    return found


def assert_only(index: SegmentedIndex, expected: list[int]) -> None:
    """Whatever is asked, these seqs are found and no others."""
    found = index.over(QUERIES[0], -1.0, NO_FILTER)
    assert sorted(found["seq"].tolist()) == expected
    where = IndexFilter(account=3)
    rows = rows_of(expected)
    mine = rows["seq"][rows["account"] == 3].tolist()
    assert sorted(index.over(QUERIES[0], -1.0, where)["seq"].tolist()) == mine
    nearest = index.nearest(QUERIES, len(SEQS))
    for row, scores in zip(nearest.rows["seq"], nearest.scores, strict=True):
        assert sorted(row[~np.isneginf(scores)].tolist()) == expected
    vectors = index.vectors(list(SEQS))
    assert (np.flatnonzero(vectors.any(axis=1)) + 1).tolist() == expected
    assert index.stats().prompts == len(expected)


def mixed(folder: Path, rule: SegmentRule) -> tuple[SegmentedIndex, Later]:
    """Return an index whose segments hold all buckets, and what is to seal for it from now on."""
    sealer = Later()
    index = segmented(folder, rule, sealer)
    for start in range(0, len(SEQS), 10):
        part = SEQS[start : start + 10]
        index.add(rows_of(part), vectors_of(part))
        sealer.run()
    return index, sealer


def in_files(folder: Path) -> int:
    """Return how many vectors the snapshot's files hold."""
    return sum(len(np.load(path)) for path in folder.glob(f"*/{VECTORS}"))


@pytest.mark.parametrize("rule", [MERGED, EXACT])
def test_what_is_old_is_not_found_before_it_is_written_again(
    tmp_path: Path, rule: SegmentRule
) -> None:
    index, sealer = mixed(tmp_path, rule)
    segments = index.stats().segments
    for bucket in (1, 3):
        kept = kept_from(bucket * BUCKET)
        index.capture()()
        assert index.drop_before(bucket * BUCKET) > 0
        assert_only(index, kept)
    assert index.stats().segments == segments
    sealer.run()
    assert_only(index, kept)
    assert index.drop_before(3 * BUCKET) == 0
    index.capture()()
    assert in_files(tmp_path) == len(kept)


def test_with_half_of_a_segment_gone_the_nearest_are_still_found(tmp_path: Path) -> None:
    index, _ = mixed(tmp_path, MERGED)
    index.drop_before(4 * BUCKET)
    left = kept_from(4 * BUCKET)
    exact = -np.sort(-(QUERIES @ vectors_of(left).T), axis=1)[:, :10]
    np.testing.assert_allclose(index.nearest(QUERIES, 10).scores, exact, atol=1e-5)


def test_a_restart_before_it_is_written_again_finds_nothing_old(tmp_path: Path) -> None:
    index, _ = mixed(tmp_path, MERGED)
    index.drop_before(2 * BUCKET)
    index.capture()()
    assert in_files(tmp_path) == len(SEQS)
    sealer = Later()
    again = segmented(tmp_path, MERGED, sealer)
    assert again.restore() == ""
    assert_only(again, kept_from(2 * BUCKET))
    # The start goes on with what was under way.
    sealer.run()
    again.capture()()
    assert_only(again, kept_from(2 * BUCKET))
    assert in_files(tmp_path) == len(kept_from(2 * BUCKET))


@pytest.mark.parametrize("snapshots", [False, True])
def test_retention_that_comes_while_segments_are_merged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, snapshots: bool
) -> None:
    sealer = Later()
    index = segmented(tmp_path, MERGED, sealer)
    gone: list[int] = []

    def write(folder: Path, *args: object) -> object:
        if folder.name.startswith("merged"):
            # The segments were read, and one is gone before the new one is there.
            gone.append(index.drop_before(BUCKET))
            if snapshots:
                index.capture()()
        return write_sealed(folder, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(background, "write_sealed", write)
    rows = rows_of(range(1, 49))
    rows["observed_at"] = np.where(rows["seq"] <= 16, 0, BUCKET)
    index.add(rows, vectors_of(rows["seq"]))
    sealer.run()
    # Once all three, and once again without what was gone meanwhile.
    assert gone == [16, 0]
    found = index.over(QUERIES[0], -1.0, NO_FILTER)
    assert sorted(found["seq"].tolist()) == list(range(17, 49))
    index.capture()()
    assert in_files(tmp_path) == 32


def test_traffic_older_than_retention_goes_with_the_next_round(tmp_path: Path) -> None:
    index = segmented(tmp_path, MERGED)
    index.drop_before(3 * BUCKET)
    fill_index(index, SEQS)
    index.drop_before(3 * BUCKET)
    assert_only(index, kept_from(3 * BUCKET))
    index.capture()()
    assert in_files(tmp_path) == len(kept_from(3 * BUCKET))


def test_what_is_gone_does_not_come_back_and_older_traffic_may_come(tmp_path: Path) -> None:
    index, _ = mixed(tmp_path, MERGED)
    index.drop_before(3 * BUCKET)
    # Retention is longer now, and somebody sends what was observed before.
    assert index.drop_before(BUCKET) == 0
    assert_only(index, kept_from(3 * BUCKET))
    later = range(401, 431)
    index.add(rows_of(later), vectors_of(later))
    expected = kept_from(3 * BUCKET) + kept_from(BUCKET, later)
    assert index.drop_before(BUCKET) == len(later) - len(kept_from(BUCKET, later))
    for restarted in (False, True):
        if restarted:
            index.capture()()
            index = segmented(tmp_path, MERGED, Later())
            assert index.restore() == ""
        found = index.over(QUERIES[0], -1.0, NO_FILTER)
        assert sorted(found["seq"].tolist()) == expected


def test_with_product_codes_the_nearest_of_what_is_left_are_found(tmp_path: Path) -> None:
    vectors = embeddings(6000)
    rows = np.zeros(6000, ROW_DTYPE)
    rows["seq"] = np.arange(1, 6001)
    # Of the larger segment most is old, of the smaller nothing.
    rows["observed_at"] = np.where(np.arange(6000) < 3900, 0, BUCKET)
    sealer = Later()
    rule = SegmentRule(2 * BUCKET, 4000, 1024, 0.95)
    index = segmented(tmp_path, rule, sealer, dimension=vectors.shape[1])
    index.add(rows[:4000], vectors[:4000])
    sealer.run()
    index._rule = replace(rule, size=2000)
    index.add(rows[4000:], vectors[4000:])
    sealer.run()
    index._segments._bucket = BUCKET
    assert index.drop_before(BUCKET) == 3900
    queries = embeddings(100, seed=2)
    exact = -np.sort(-(queries @ vectors[3900:].T), axis=1)[:, 9]
    found = index.nearest(queries, 10)
    assert (found.rows["observed_at"] == BUCKET).all()
    assert (found.scores >= exact[:, None] - 1e-5).mean() > 0.9
    codes = [s.ann.file.index for s in index._segments.all]  # type: ignore[union-attr]
    assert {type(c) for c in codes} == {faiss.IndexIVFPQFastScan}


def test_all_of_it_goes(tmp_path: Path) -> None:
    index = segmented(tmp_path, MERGED)
    fill_index(index, SEQS)
    assert index.drop_before(10**9) == len(SEQS)
    assert_only(index, [])
    index.capture()()
    assert in_files(tmp_path) == 0
    fill_index(index, range(401, 431))
    # All of its buckets have passed.
    assert index.drop_before(10**9) == 30
