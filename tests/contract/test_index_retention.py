"""Retention passes through segments that hold many buckets: what is old is not found at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from simsvc.index import segmented as segmented_module
from simsvc.index.files import VECTORS, write_sealed
from simsvc.index.segmented import SegmentedIndex, SegmentRule
from simsvc.ports.index import IndexFilter
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


def test_retention_that_comes_while_segments_are_merged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = segmented(tmp_path, MERGED)
    passed = iter((1, 2, 3, 4))

    def write(*args: object) -> object:
        # The segments were read, and retention changes them before the new one is there.
        index.drop_before(next(passed, 4) * BUCKET)
        return write_sealed(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(segmented_module, "write_sealed", write)
    fill_index(index, SEQS)
    assert index.drop_before(4 * BUCKET) == 0
    assert_only(index, kept_from(4 * BUCKET))
    index.capture()()
    assert in_files(tmp_path) == len(kept_from(4 * BUCKET))


def test_traffic_older_than_retention_goes_with_the_next_round(tmp_path: Path) -> None:
    index = segmented(tmp_path, MERGED)
    index.drop_before(3 * BUCKET)
    fill_index(index, SEQS)
    index.drop_before(3 * BUCKET)
    assert_only(index, kept_from(3 * BUCKET))
    index.capture()()
    assert in_files(tmp_path) == len(kept_from(3 * BUCKET))


def test_retention_never_goes_back(tmp_path: Path) -> None:
    index = segmented(tmp_path, MERGED)
    fill_index(index, SEQS)
    index.drop_before(3 * BUCKET)
    assert index.drop_before(BUCKET) == 0
    assert_only(index, kept_from(3 * BUCKET))


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
