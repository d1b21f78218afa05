"""Searches beside adds and sealing: every row whole, none missing, none twice."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from simsvc.domain.grouping import Hits
from simsvc.index.flat import FlatIndex
from simsvc.index.hot import HotSegment
from simsvc.index.segmented import SegmentedIndex
from simsvc.index.segments import SegmentRule
from simsvc.ports.index import IndexFilter, Rows, VectorIndex, Vectors
from tests.contract.indexes import BUCKET, DIM, rows_of, segmented, vectors_of

COUNT, BATCH = 1500, 5
VECTORS = np.concatenate([np.zeros((1, DIM), np.float32), vectors_of(range(1, COUNT + 1))])
ROWS = rows_of(range(COUNT + 1))
QUERIES = vectors_of(range(9_000, 9_008))
Check = Callable[[VectorIndex, int], None]


@pytest.fixture(autouse=True)
def _turns() -> Iterator[None]:
    """Let threads take turns far more often than Python would."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def assert_own_columns(rows: Rows | Hits, names: tuple[str, ...]) -> None:
    for name in names:
        np.testing.assert_array_equal(rows[name], ROWS[name][rows["seq"]])


def checks_nearest(index: VectorIndex, known: int) -> None:
    found = index.nearest(QUERIES, 10)
    for query, scores, rows in zip(QUERIES, found.scores, found.rows, strict=True):
        there = rows[~np.isneginf(scores)]
        assert len(there) >= min(10, known)
        assert (there["seq"] > 0).all()
        assert len(set(there["seq"].tolist())) == len(there)
        assert_own_columns(there, ("account", "organization", "observed_at", "family"))
        np.testing.assert_allclose(scores[: len(there)], VECTORS[there["seq"]] @ query, atol=1e-5)


def checks_over(index: VectorIndex, known: int) -> None:
    """Ask by account, which is exact in every kind of segment."""
    query, account = QUERIES[known % len(QUERIES)], 1 + known % 7
    hits = index.over(query, -1.0, IndexFilter(account=account, up_to_seq=known))
    expected = ROWS["seq"][1 : known + 1][ROWS["account"][1 : known + 1] == account]
    assert sorted(hits["seq"].tolist()) == expected.tolist()
    assert_own_columns(hits, ("account", "organization", "observed_at"))
    np.testing.assert_allclose(hits["score"], VECTORS[hits["seq"]] @ query, atol=1e-5)


def checks_all(index: VectorIndex, known: int) -> None:
    hits = index.over(QUERIES[0], -1.0, IndexFilter())
    # A row that is there before it is written has the seq 0, or one of another row.
    assert (hits["seq"] > 0).all()
    assert len(set(hits["seq"].tolist())) == len(hits)
    np.testing.assert_allclose(hits["score"], VECTORS[hits["seq"]] @ QUERIES[0], atol=1e-5)


def checks_vectors(index: VectorIndex, known: int) -> None:
    seqs = list(range(max(1, known - 200), known + 1))
    np.testing.assert_array_equal(index.vectors(seqs), VECTORS[seqs])


def checks_stats(index: VectorIndex, known: int) -> None:
    assert index.stats().prompts >= known


def search_on(index: VectorIndex, check: Check, done: threading.Event) -> int:
    """Search until all is added and once more, knowing what had been added before."""
    times = 0
    while not done.is_set():
        check(index, index.stats().last_seq)
        times += 1
    check(index, index.stats().last_seq)
    return times + 1


def add_all(index: VectorIndex, searches: list[Future[int]]) -> None:
    for start in range(1, COUNT + 1, BATCH):
        part = slice(start, start + BATCH)
        index.add(ROWS[part], VECTORS[part])
        if any(search.done() for search in searches):
            return


def hammer(index: VectorIndex) -> None:
    """Add in this thread while others search, and let their failures come out."""
    checks: list[Check] = [checks_nearest, checks_over, checks_all, checks_vectors, checks_stats]
    done = threading.Event()
    with ThreadPoolExecutor(len(checks)) as pool:
        searches = [pool.submit(search_on, index, check, done) for check in checks]
        try:
            add_all(index, searches)
        finally:
            done.set()
        assert all(search.result() > 0 for search in searches)
    assert index.stats().prompts == COUNT


class Watched:
    """Vectors that look at what a search would see at the very moment they are copied."""

    def __init__(self, hot: HotSegment, vectors: Vectors) -> None:
        self._hot = hot
        self._vectors = vectors
        self.seen: list[int] = []

    def __array__(self, dtype: object = None, copy: bool | None = None) -> Vectors:
        block = self._hot.block
        self.seen.append(len(block))
        np.testing.assert_array_equal(block.vectors, VECTORS[block.rows["seq"]])
        return self._vectors


@pytest.mark.parametrize("count", [1, 200, 256, 257, 1000])
def test_rows_are_shown_after_they_are_written(count: int) -> None:
    hot = HotSegment(0, 0, DIM)
    hot.append(ROWS[1:101], VECTORS[1:101])
    watched = Watched(hot, VECTORS[101 : 101 + count])
    hot.append(ROWS[101 : 101 + count], watched)  # type: ignore[arg-type]
    assert set(watched.seen) == {100}
    np.testing.assert_array_equal(hot.block.rows, ROWS[1 : 101 + count])
    np.testing.assert_array_equal(hot.block.vectors, VECTORS[1 : 101 + count])


def test_searches_beside_adds_to_a_flat_index() -> None:
    hammer(FlatIndex(DIM))


@pytest.mark.parametrize("ann_from", [10**6, 64])
def test_searches_beside_adds_and_sealing(tmp_path: Path, ann_from: int) -> None:
    with ThreadPoolExecutor(1) as sealer:
        index = segmented(tmp_path, SegmentRule(BUCKET, 64, ann_from, 1.0), sealer)
        hammer(index)
        index.finish_sealing()
        assert len(list(tmp_path.glob("sealed-*"))) == 5 * (COUNT // 5 // 64)
        checks_over(index, COUNT)


def test_searches_beside_retention(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as sealer, ThreadPoolExecutor(2) as pool:
        index = segmented(tmp_path, SegmentRule(10, 8, 8, 1.0), sealer)
        done = threading.Event()
        searches = [pool.submit(search_what_is_left, index, done) for _ in range(2)]
        try:
            age(index)
        finally:
            done.set()
        assert all(search.result() > 0 for search in searches)
        index.finish_sealing()
        assert index.stats().prompts == 25


def age(index: SegmentedIndex) -> None:
    """Add rows whose times rise, 25 a bucket, and drop every bucket but the last two."""
    rows = ROWS[1:1001].copy()
    rows["observed_at"] = 10 * ((rows["seq"] - 1) // 25)
    for start in range(0, 1000, 5):
        index.add(rows[start : start + 5], VECTORS[1 + start : 6 + start])
        index.drop_before(int(rows["observed_at"][start]) - 10)
    index.drop_before(int(rows["observed_at"][-1]))


def search_what_is_left(index: SegmentedIndex, done: threading.Event) -> int:
    times = 0
    while not done.is_set() or times == 0:
        found = index.nearest(QUERIES, 5)
        there = found.rows["seq"] > 0
        expected: Vectors = np.einsum("qkd,qd->qk", VECTORS[found.rows["seq"]], QUERIES)
        np.testing.assert_allclose(found.scores[there], expected[there], atol=1e-5)
        times += 1
    return times
