"""Segments searched by product codes, as the default settings make them."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import faiss
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsvc.index.ann import train
from simsvc.index.block import Block, highest
from simsvc.index.files import read_sealed, write_sealed
from simsvc.index.parallel import all_of
from simsvc.index.sealed import SealedSegment
from simsvc.index.segments import SegmentRule
from simsvc.ports.index import ROW_DTYPE, IndexFilter, Rows, Vectors
from tests.contract.indexes import NO_FILTER, segmented

COUNT, DIMENSION, RECALL = 3000, 64, 0.95


def embeddings(count: int, dimension: int = DIMENSION, seed: int = 1) -> Vectors:
    """Return unit vectors of fp16 values that lie as embeddings do, in some directions more."""
    drawn = np.random.default_rng(seed)
    directions, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((dimension, dimension)))
    made = drawn.standard_normal((count, dimension)) / np.sqrt(np.arange(1, dimension + 1))
    made = made @ directions
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    return made.astype(np.float16).astype(np.float32)


def numbered(count: int) -> Rows:
    rows = np.zeros(count, ROW_DTYPE)
    rows["seq"] = np.arange(1, count + 1)
    rows["account"] = rows["seq"] % 7
    rows["observed_at"] = rows["seq"]
    return rows


@pytest.fixture(scope="module")
def segment(tmp_path_factory: pytest.TempPathFactory) -> SealedSegment:
    vectors = embeddings(COUNT)
    folder = tmp_path_factory.mktemp("segment") / "one"
    return write_sealed(folder, 1, numbered(COUNT), vectors, train(vectors, RECALL))


def recall(found: Rows, exact: Rows) -> float:
    pairs = zip(found["seq"], exact["seq"], strict=True)
    return float(np.mean([len(np.intersect1d(f, e)) / len(e) for f, e in pairs]))


def test_it_finds_what_it_was_tuned_to_with_exact_scores(segment: SealedSegment) -> None:
    assert isinstance(segment.ann.file.index, faiss.IndexIVFPQFastScan)  # type: ignore[union-attr]
    vectors, queries = embeddings(COUNT), embeddings(200, seed=2)
    found = segment.nearest(queries, 10)
    scores = queries @ vectors.T
    assert recall(found.rows, numbered(COUNT)[highest(scores, 10)]) >= RECALL - 0.03
    for query, row, score in zip(scores, found.rows, found.scores, strict=True):
        np.testing.assert_allclose(score, query[row["seq"] - 1], atol=1e-5)
        assert (np.diff(score) <= 0).all()


def test_everything_over_a_similarity_is_found_in_the_lists_visited(segment: SealedSegment) -> None:
    vectors, queries = embeddings(COUNT), embeddings(50, seed=3)
    wanted = reached = 0
    for query in queries:
        scores = vectors @ query
        hits = segment.over(query, 0.6, NO_FILTER)
        true = set((np.flatnonzero(scores >= 0.6) + 1).tolist())
        assert set(hits["seq"].tolist()) <= true
        np.testing.assert_allclose(hits["score"], scores[hits["seq"] - 1], atol=1e-5)
        reached += len(hits)
        wanted += len(true)
    assert wanted > 50
    assert reached >= 0.9 * wanted


def test_an_accounts_prompts_are_all_found(segment: SealedSegment) -> None:
    query = embeddings(1, seed=4)[0]
    hits = segment.over(query, -1.0, IndexFilter(account=3, end=1000))
    assert hits["seq"].tolist() == [s for s in range(1, 1000) if s % 7 == 3]


def test_it_is_the_same_when_read_again(segment: SealedSegment) -> None:
    assert segment.ann is not None
    again = read_sealed(segment.folder, 1, segment.ann.visits)
    queries = embeddings(20, seed=5)
    one, other = segment.nearest(queries, 32), again.nearest(queries, 32)
    np.testing.assert_array_equal(one.scores, other.scores)
    np.testing.assert_array_equal(one.rows, other.rows)
    hits = [s.over(queries[0], 0.5, NO_FILTER) for s in (segment, again)]
    np.testing.assert_array_equal(*hits)


def test_more_neighbours_than_rows(segment: SealedSegment) -> None:
    found = segment.nearest(embeddings(2, seed=6), COUNT + 5)
    assert found.scores.shape == (2, COUNT)
    assert len(np.unique(found.rows["seq"][0])) <= COUNT


def test_codes_are_of_the_directions_that_embeddings_use(segment: SealedSegment) -> None:
    assert segment.ann is not None
    directions = segment.ann.file.directions
    assert directions is not None
    kept = directions.shape[1]
    assert directions.shape[0] == DIMENSION > kept == segment.ann.file.index.d
    np.testing.assert_allclose(directions.T @ directions, np.eye(kept), atol=1e-5)
    vectors = embeddings(COUNT)
    held = np.square(vectors @ directions).sum() / np.square(vectors).sum()
    less = np.square(vectors @ directions[:, :-8]).sum() / np.square(vectors).sum()
    assert less < 0.94 <= held + 1e-3


def test_vectors_that_use_all_directions_are_coded_as_they_are() -> None:
    vectors = np.random.default_rng(3).standard_normal((2000, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ann = train(vectors, 0.8)
    assert isinstance(ann.file.index, faiss.IndexIVFPQFastScan)
    assert ann.file.directions is None


def test_a_dimension_that_cannot_be_halved() -> None:
    ann = train(embeddings(2000, 33), RECALL)
    assert isinstance(ann.file.index, faiss.IndexIVFScalarQuantizer)


def test_where_product_codes_do_not_tell_the_near_apart_8_bits_do() -> None:
    drawn = np.random.default_rng(7)
    # One ball, narrower than what a product code can tell.
    vectors = (1.0 + 0.01 * drawn.standard_normal((2000, 16))).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ann = train(vectors, 0.99)
    assert isinstance(ann.file.index, faiss.IndexIVFScalarQuantizer)


@pytest.mark.parametrize(
    ("count", "size", "segments"), [(COUNT, 1200, 3), (11_000, 6000, 2), (5000, 6000, 1)]
)
def test_threads_share_queries_and_rows(
    tmp_path: Path, count: int, size: int, segments: int
) -> None:
    rule = {"bucket": 10**6, "size": size, "ann_from": 1100, "recall": RECALL}
    alone = segmented(tmp_path / "alone", SegmentRule(**rule), dimension=DIMENSION)
    queries = embeddings(61, seed=8)
    with ThreadPoolExecutor(3) as helpers:
        shared = segmented(
            tmp_path / "shared", SegmentRule(**rule, threads=4), dimension=DIMENSION,
            helpers=helpers,
        )  # fmt: skip
        for index in (alone, shared):
            index.add(numbered(count), embeddings(count))
        assert shared.stats().segments == segments
        one, other = alone.nearest(queries, 5), shared.nearest(queries, 5)
    np.testing.assert_array_equal(one.rows["seq"], other.rows["seq"])
    np.testing.assert_allclose(one.scores, other.scores, atol=1e-6)


def test_helpers_that_are_busy_are_not_waited_for() -> None:
    gate = threading.Event()
    with ThreadPoolExecutor(1) as helpers:
        helpers.submit(gate.wait)
        assert all_of([lambda n=n: n for n in range(5)], helpers) == [0, 1, 2, 3, 4]
        gate.set()


def test_what_a_helper_raises_is_raised() -> None:
    def fail() -> int:
        raise ValueError("no")

    with ThreadPoolExecutor(2) as helpers, pytest.raises(ValueError, match="no"):
        all_of([fail, fail, fail], helpers)
    assert all_of([], None) == []


@given(st.integers(1, 700), st.integers(1, 40), st.integers(0, 3))
def test_the_highest_scores(width: int, k: int, kinds: int) -> None:
    drawn = np.random.default_rng(width * 41 + k)
    scores = drawn.standard_normal((3, width)).astype(np.float32)
    if kinds:  # many that are equal, some that are not there
        scores = np.round(scores * kinds)
        scores[scores < -kinds] = -np.inf
    places = highest(scores, k)
    expected = -np.sort(-scores, axis=1)[:, :k]
    np.testing.assert_array_equal(np.take_along_axis(scores, places, axis=1), expected)
    assert all(len(set(row)) == len(row) for row in places.tolist())


def test_of_a_small_share_fewer_lists_are_visited(segment: SealedSegment) -> None:
    assert segment.ann is not None
    visits = segment.ann.visits
    assert sorted(visits) == list(visits)
    assert 1 <= visits[0] < visits[-1] <= segment.ann.file.index.nlist
    queries = embeddings(50, seed=8)
    exact = Block(segment.rows, segment.vectors_at(np.arange(COUNT))).nearest(queries, 10)
    found = [segment.ann.search(queries, 64, share)[1] for share in (0.05, 1.0, 1.5)]
    near = [
        np.mean([np.isin(e["seq"], i + 1).mean() for e, i in zip(exact.rows, ids, strict=True)])
        for ids in found
    ]
    # Of ten neighbours a part of that size would hold one.
    assert near[0] < near[1] == near[2]
    assert near[1] > RECALL - 0.05
    first = [np.isin(e["seq"][0], i + 1) for e, i in zip(exact.rows, found[0], strict=True)]
    assert np.mean(first) > RECALL - 0.1


def test_lists_are_chosen_as_faiss_would(segment: SealedSegment) -> None:
    assert segment.ann is not None
    queries = embeddings(20, seed=9)
    index = segment.ann.file.index
    asked = faiss.SearchParametersIVF(nprobe=segment.ann.visits[-1])  # type: ignore[call-arg]
    directions = segment.ann.file.directions
    assert directions is not None
    scores, _ = index.search(queries @ directions, 40, params=asked)
    np.testing.assert_allclose(segment.ann.search(queries, 40)[0], scores, atol=1e-5)
