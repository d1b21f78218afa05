"""What any vector index does, held against sums over all rows."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest

from simsvc.domain.grouping import HIT_DTYPE, Hits
from simsvc.ports.index import ROW_DTYPE, IndexFilter, VectorIndex, Vectors
from tests.contract.indexes import (
    BUCKET,
    DIM,
    KINDS,
    NO_FILTER,
    fill_index,
    make_index,
    rows_of,
    time_of,
    vector_of,
    vectors_of,
)

COUNT = 400
SEQS = range(3, 3 + 2 * COUNT, 2)


@pytest.fixture(params=KINDS)
def index(request: pytest.FixtureRequest, tmp_path: Path) -> VectorIndex:
    """Each kind of index, empty."""
    return make_index(request.param, tmp_path)


@pytest.fixture(scope="module", params=KINDS)
def full(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> VectorIndex:
    """Each kind of index with COUNT rows in five buckets. To be read only."""
    made = make_index(request.param, tmp_path_factory.mktemp("index"))
    fill_index(made, SEQS)
    return made


def queries(count: int) -> Vectors:
    return vectors_of(range(10_000, 10_000 + count))


def passes(row: np.void, where: IndexFilter) -> bool:
    return (
        where.account in (None, row["account"])
        and where.organization in (None, row["organization"])
        and (where.start is None or row["observed_at"] >= where.start)
        and (where.end is None or row["observed_at"] < where.end)
        and (where.up_to_seq is None or row["seq"] <= where.up_to_seq)
    )


def assert_hits(hits: Hits, query: Vectors, expected: list[int]) -> None:
    """Check that the hits are these seqs, each once and with its own columns and score."""
    assert hits.dtype == HIT_DTYPE
    assert sorted(hits["seq"].tolist()) == expected
    rows = rows_of(hits["seq"])
    for name in ("account", "organization", "observed_at"):
        np.testing.assert_array_equal(hits[name], rows[name])
    np.testing.assert_allclose(hits["score"], vectors_of(hits["seq"]) @ query, atol=1e-5)


def test_an_empty_index(index: VectorIndex) -> None:
    assert index.dimension == DIM
    found = index.nearest(queries(2), 3)
    assert found.scores.shape == (2, 3)
    assert np.isneginf(found.scores).all()
    assert (found.rows["seq"] == 0).all()
    assert found.rows.dtype == ROW_DTYPE
    assert_hits(index.over(queries(1)[0], -1.0, NO_FILTER), queries(1)[0], [])
    assert not index.vectors([1, 2]).any()
    assert index.vectors([]).shape == (0, DIM)
    assert index.drop_before(10**18) == 0
    assert (index.stats().prompts, index.stats().last_seq) == (0, 0)


def test_adding_nothing_changes_nothing(index: VectorIndex) -> None:
    fill_index(index, SEQS[:20])
    before = index.stats()
    index.add(rows_of([]), vectors_of([]))
    assert index.stats() == before
    assert (before.prompts, before.last_seq) == (20, SEQS[19])


def test_stats_of_a_full_index(full: VectorIndex) -> None:
    assert (full.stats().prompts, full.stats().last_seq) == (COUNT, SEQS[-1])


def test_each_row_is_its_own_nearest(full: VectorIndex) -> None:
    found = full.nearest(vectors_of(SEQS), 1)
    assert found.scores.shape == (COUNT, 1)
    np.testing.assert_array_equal(found.rows[:, 0], rows_of(SEQS))
    np.testing.assert_allclose(found.scores, 1.0, atol=2e-3)


@pytest.mark.parametrize("k", [1, 2, 10])
def test_nearest_are_those_of_exact_search(full: VectorIndex, k: int) -> None:
    asked = queries(40)
    found = full.nearest(asked, k)
    scores = asked @ vectors_of(SEQS).T
    order = np.argsort(-scores, axis=1)[:, :k]
    np.testing.assert_array_equal(found.rows, rows_of(SEQS)[order])
    np.testing.assert_allclose(found.scores, np.take_along_axis(scores, order, 1), atol=1e-5)


def test_nearest_beyond_the_number_of_rows(index: VectorIndex) -> None:
    fill_index(index, range(1, 8))
    found = index.nearest(queries(3), 10)
    assert found.scores.shape == found.rows.shape == (3, 10)
    assert (np.diff(found.scores[:, :7], axis=1) <= 0).all()
    for row in found.rows:
        assert sorted(row["seq"][:7].tolist()) == list(range(1, 8))
        assert (row[7:] == np.zeros(3, ROW_DTYPE)).all()
    assert np.isneginf(found.scores[:, 7:]).all()


def test_nearest_of_all_rows_and_more(full: VectorIndex) -> None:
    found = full.nearest(queries(2), COUNT + 5)
    assert found.scores.shape == (2, COUNT + 5)
    for scores, rows in zip(found.scores, found.rows, strict=True):
        there = rows["seq"] > 0
        assert sorted(rows["seq"][there].tolist()) == list(SEQS)
        np.testing.assert_array_equal(there, ~np.isneginf(scores))


def test_nearest_of_no_query(full: VectorIndex) -> None:
    found = full.nearest(vectors_of([]), 4)
    assert found.scores.shape == found.rows.shape == (0, 4)


FILTERS = {
    "none": NO_FILTER,
    "account": IndexFilter(account=3),
    "unknown account": IndexFilter(account=99),
    "organization": IndexFilter(organization=2),
    "start": IndexFilter(start=time_of(43)),
    "end": IndexFilter(end=time_of(43)),
    "start at a bucket": IndexFilter(start=2 * BUCKET),
    "end at a bucket": IndexFilter(end=2 * BUCKET),
    "a time span": IndexFilter(start=BUCKET + 100, end=3 * BUCKET + 300),
    "one moment": IndexFilter(start=time_of(43), end=time_of(43) + 1),
    "an empty span": IndexFilter(start=BUCKET + 10, end=BUCKET + 10),
    "up to a seq": IndexFilter(up_to_seq=401),
    "all": IndexFilter(account=2, organization=1, start=900, end=4 * BUCKET, up_to_seq=700),
    "account and time": IndexFilter(account=4, start=BUCKET, end=4 * BUCKET),
}


@pytest.mark.parametrize("where", FILTERS.values(), ids=FILTERS)
def test_over_finds_all_that_the_filter_lets_pass(full: VectorIndex, where: IndexFilter) -> None:
    rows, vectors = rows_of(SEQS), vectors_of(SEQS)
    mask = np.array([passes(row, where) for row in rows])
    for query, threshold in product(queries(3), (-1.0, 0.1, 0.25)):
        scores = vectors @ query
        assert not np.isclose(scores, threshold, atol=1e-5).any()
        expected = rows["seq"][mask & (scores >= threshold)].tolist()
        assert_hits(full.over(query, threshold, where), query, expected)


def test_over_a_threshold_that_a_score_just_meets(full: VectorIndex) -> None:
    query = vector_of(SEQS[7])
    score = float(np.float32(query @ query))
    hits = full.over(query, score - 1e-5, NO_FILTER)
    assert_hits(hits, query, [SEQS[7]])
    assert len(full.over(query, score + 1e-5, NO_FILTER)) == 0


def test_vectors_come_back_in_the_order_asked_for(full: VectorIndex) -> None:
    asked = [SEQS[-1], SEQS[0], SEQS[200], SEQS[0]]
    np.testing.assert_array_equal(full.vectors(asked), vectors_of(asked))
    assert full.vectors(asked).dtype == np.float32


def test_vectors_that_are_not_there_are_zeros(full: VectorIndex) -> None:
    found = full.vectors([0, SEQS[0], SEQS[0] + 1, 10**9, -5, SEQS[-1]])
    np.testing.assert_array_equal(found[[1, 5]], vectors_of([SEQS[0], SEQS[-1]]))
    assert not found[[0, 2, 3, 4]].any()
    assert not full.vectors([2]).any()


def test_drop_before_a_bucket(index: VectorIndex) -> None:
    fill_index(index, SEQS)
    kept = [s for s in SEQS if time_of(s) >= 2 * BUCKET]
    gone = [s for s in SEQS if time_of(s) < 2 * BUCKET]
    assert index.drop_before(2 * BUCKET) == len(gone)
    assert index.drop_before(2 * BUCKET) == 0
    query = queries(1)[0]
    assert_hits(index.over(query, -1.0, NO_FILTER), query, kept)
    np.testing.assert_array_equal(index.vectors(kept), vectors_of(kept))
    assert not index.vectors(gone).any()
    assert sorted(index.nearest(query[None], len(kept)).rows[0]["seq"].tolist()) == kept
    assert index.stats().prompts == len(kept)
    # What was added stays known, so that a replay does not begin anew.
    assert index.stats().last_seq == SEQS[-1]


def test_rows_of_a_dropped_bucket_may_come_again(index: VectorIndex) -> None:
    fill_index(index, SEQS)
    index.drop_before(5 * BUCKET)
    assert index.stats().prompts == 0
    fill_index(index, range(2001, 2101))
    query = queries(1)[0]
    assert_hits(index.over(query, -1.0, NO_FILTER), query, list(range(2001, 2101)))
    assert index.stats().last_seq == 2100
