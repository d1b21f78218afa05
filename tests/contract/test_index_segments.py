"""Segments: when they are sealed, that this does not show, and what comes of failures."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from simsvc.index.ann import train
from simsvc.index.files import ANN, VECTORS
from simsvc.index.segmented import SegmentedIndex
from simsvc.index.segments import SegmentRule
from simsvc.ports.index import IndexFilter, Vectors
from tests.contract.indexes import (
    BUCKET,
    NEVER,
    NO_FILTER,
    RULES,
    Later,
    fill_index,
    rows_of,
    segmented,
    vector_of,
    vectors_of,
)

SEQS = range(1, 401)
QUERIES = vectors_of(range(5_000, 5_020))


def sealed_folders(folder: Path) -> list[Path]:
    return sorted(folder.glob("sealed-*"))


def with_ann(folder: Path) -> list[bool]:
    return [(path / ANN).exists() for path in sealed_folders(folder)]


@pytest.mark.parametrize(
    ("kind", "segments", "anns"),
    [
        ("hot", 5, []),
        ("sealed flat", 25, [False] * 25),
        ("sealed ann", 10, [True] * 5),
        ("mixed", 10, [True] * 5),
    ],
)
def test_the_kinds_of_the_suite_are_what_they_are_called(
    tmp_path: Path, kind: str, segments: int, anns: list[bool]
) -> None:
    index = segmented(tmp_path, RULES[kind])
    fill_index(index, SEQS)
    assert index.stats().segments == segments
    assert with_ann(tmp_path) == anns


@pytest.mark.parametrize(
    ("rows", "anns"), [(15, []), (16, [False]), (31, [False]), (47, [False] * 2)]
)
def test_a_segment_is_sealed_when_it_is_full(tmp_path: Path, rows: int, anns: list[bool]) -> None:
    index = segmented(tmp_path, SegmentRule(10**6, 16, 17, 1.0))
    fill_index(index, range(1, rows + 1), batch=7)
    assert with_ann(tmp_path) == anns
    assert index.stats().segments == len(anns) + (rows % 16 > 0)


def test_one_add_may_fill_many_segments(tmp_path: Path) -> None:
    index = segmented(tmp_path, SegmentRule(10**6, 16, 16, 1.0))
    fill_index(index, SEQS, batch=len(SEQS))
    assert with_ann(tmp_path) == [True] * 25
    assert index.stats().segments == 25
    np.testing.assert_array_equal(index.vectors(list(SEQS)), vectors_of(SEQS))


def test_of_many_open_buckets_the_one_unused_for_longest_is_sealed(tmp_path: Path) -> None:
    index = segmented(tmp_path, SegmentRule(10, NEVER, NEVER, 1.0))
    rows = rows_of(range(1, 67))
    # 64 buckets, then the first again, then two more: the second and third are the idle ones.
    rows["observed_at"] = [10 * b for b in [*range(64), 0, 64]]
    for i in range(len(rows)):
        index.add(rows[i : i + 1], vectors_of([i + 1]))
    assert index.stats().segments == 65
    sealed = [np.load(path / VECTORS) for path in sealed_folders(tmp_path)]
    assert [vectors.tolist() for vectors in sealed] == [[vector_of(2).tolist()]]
    # A bucket that was sealed early takes rows again.
    late = rows_of([100])
    late["observed_at"] = 10
    index.add(late, vectors_of([100]))
    np.testing.assert_array_equal(index.vectors([2, 100]), vectors_of([2, 100]))


def all_scores(index: SegmentedIndex, queries: Vectors) -> dict[int, list[float]]:
    """Return the scores of every row to each query, by seq, in both ways of searching."""
    found: dict[int, list[float]] = {}
    for query in queries:
        hits = np.sort(index.over(query, -1.0, NO_FILTER), order="seq")
        for seq, score in zip(hits["seq"].tolist(), hits["score"].tolist(), strict=True):
            found.setdefault(seq, []).append(score)
        nearest = index.nearest(query[None], len(SEQS))
        for row, score in zip(nearest.rows[0], nearest.scores[0].tolist(), strict=True):
            found.setdefault(int(row["seq"]), []).append(score)
    return found


@pytest.mark.parametrize("ann_from", [100, NEVER])
def test_scores_do_not_change_when_a_segment_is_sealed(tmp_path: Path, ann_from: int) -> None:
    sealer = Later()
    index = segmented(tmp_path, SegmentRule(10**6, len(SEQS), ann_from, 1.0), sealer)
    index.add(rows_of(SEQS), vectors_of(SEQS))
    before = all_scores(index, QUERIES)
    assert with_ann(tmp_path) == []
    sealer.run()
    index.finish_sealing()
    assert with_ann(tmp_path) == [ann_from == 100]
    after = all_scores(index, QUERIES)
    assert before.keys() == after.keys() == set(SEQS)
    for seq in SEQS:
        np.testing.assert_allclose(after[seq], before[seq], atol=1e-5)


def test_a_segment_that_waits_for_its_sealing_is_searched_and_next_filled(tmp_path: Path) -> None:
    sealer = Later()
    index = segmented(tmp_path, SegmentRule(10**6, 50, 50, 1.0), sealer)
    index.add(rows_of(SEQS), vectors_of(SEQS))
    # A merge after each.
    assert len(sealer.waiting) == 2 * 8
    assert len(index.over(QUERIES[0], -1.0, NO_FILTER)) == len(SEQS)
    sealer.run()
    assert sorted(index.over(QUERIES[0], -1.0, NO_FILTER)["seq"].tolist()) == list(SEQS)


def test_a_bucket_dropped_before_its_sealing_stays_away(tmp_path: Path) -> None:
    sealer = Later()
    index = segmented(tmp_path, SegmentRule(BUCKET, 40, 40, 1.0), sealer)
    index.add(rows_of(SEQS), vectors_of(SEQS))
    assert index.drop_before(5 * BUCKET) == len(SEQS)
    sealer.run()
    index.finish_sealing()
    assert index.stats().prompts == 0
    assert len(index.over(QUERIES[0], -1.0, NO_FILTER)) == 0


@pytest.mark.parametrize(("time", "buckets"), [(-1, 1), (0, 2), (1, 2), (BUCKET - 1, 2)])
def test_a_segment_goes_when_all_of_its_bucket_is_old(
    tmp_path: Path, time: int, buckets: int
) -> None:
    index = segmented(tmp_path, RULES["mixed"])
    fill_index(index, SEQS)
    assert index.drop_before(2 * BUCKET + time) == 80 * buckets
    assert index.stats().segments == 10 - 2 * buckets


def test_a_filter_by_account_is_exact_whatever_the_recall(tmp_path: Path) -> None:
    index = segmented(tmp_path, SegmentRule(10**6, len(SEQS), 100, 0.01))
    fill_index(index, SEQS)
    for where in (IndexFilter(account=3), IndexFilter(organization=1)):
        rows = rows_of(SEQS)
        name = "account" if where.account else "organization"
        mask = rows[name] == getattr(where, name)
        hits = index.over(QUERIES[0], -1.0, where)
        assert sorted(hits["seq"].tolist()) == rows["seq"][mask].tolist()


def test_a_low_recall_finds_fewer_but_nothing_wrong(tmp_path: Path) -> None:
    index = segmented(tmp_path, SegmentRule(10**6, len(SEQS), 100, 0.01))
    fill_index(index, SEQS)
    # One list is visited: this kind of index can fall short, so the suites above test something.
    assert len(index.over(QUERIES[0], -1.0, NO_FILTER)) < len(SEQS)
    found = index.nearest(QUERIES, len(SEQS))
    for query, scores, rows in zip(QUERIES, found.scores, found.rows, strict=True):
        seqs = rows["seq"][rows["seq"] > 0]
        assert 0 < len(seqs) == len(set(seqs.tolist())) < len(SEQS)
        np.testing.assert_allclose(scores[: len(seqs)], vectors_of(seqs) @ query, atol=1e-5)
        assert np.isneginf(scores[len(seqs) :]).all()


def test_a_sealing_that_fails_is_told_and_loses_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "index"
    index = segmented(folder, SegmentRule(10**6, 16, 16, 1.0))
    shutil.rmtree(folder)
    folder.write_bytes(b"a file where the folder should be")
    index.add(rows_of(range(1, 21)), vectors_of(range(1, 21)))
    index.finish_sealing()
    assert "sealing_failed" in capsys.readouterr().out
    assert sorted(index.over(QUERIES[0], -1.0, NO_FILTER)["seq"].tolist()) == list(range(1, 21))
    folder.unlink()
    fill_index(index, range(21, 101))
    assert sorted(index.over(QUERIES[0], -1.0, NO_FILTER)["seq"].tolist()) == list(range(1, 101))


def test_sealing_in_the_background(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as sealer:
        index = segmented(tmp_path, SegmentRule(BUCKET, 40, 40, 1.0), sealer)
        fill_index(index, SEQS)
        assert with_ann(tmp_path) == [True] * 10
        np.testing.assert_array_equal(index.vectors(list(SEQS)), vectors_of(SEQS))


def test_copies_of_one_prompt_do_not_make_a_search_visit_all_lists() -> None:
    centres = vectors_of(range(40))
    spread = centres[np.arange(4000) % 40] + 0.5 * vectors_of(range(100, 4100))
    vectors = (spread / np.linalg.norm(spread, axis=1, keepdims=True)).astype(np.float32)
    alone = train(vectors, 0.97)
    assert alone.visits[-1] < alone.file.lists
    vectors[::13] = vectors[0]
    copied = train(vectors, 0.97)
    assert copied.visits[-1] < copied.file.lists
