"""The segmented index says what the flat one says, whatever is added.

The vectors have ±1/4 in each of 16 places: their products are exact sums of sixteenths, so scores
are compared to the bit, and ties are many.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simsvc.index.flat import FlatIndex
from simsvc.index.segmented import SegmentedIndex
from simsvc.index.segments import SegmentRule
from simsvc.ports.index import ROW_DTYPE, IndexFilter, Neighbours, Rows, VectorIndex, Vectors
from tests.contract.indexes import NEVER, segmented

DIM, BUCKET = 16, 10
RULES = {
    "hot": SegmentRule(BUCKET, NEVER, NEVER, 1.0),
    "sealed flat": SegmentRule(BUCKET, 3, NEVER, 1.0),
    # So few rows that a recall of 1 takes all lists: exact as well.
    "sealed ann": SegmentRule(BUCKET, 8, 8, 1.0),
}


@dataclass(frozen=True)
class Case:
    """Rows to add in batches of these sizes, and what to ask."""

    rows: Rows
    vectors: Vectors
    batches: list[int]
    queries: Vectors


def decoded(bits: list[int]) -> Vectors:
    signs = np.array([[(b >> i) & 1 for i in range(DIM)] for b in bits], np.float32)
    return (signs.reshape(len(bits), DIM) - 0.5) / 2


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Draw what matters and leave the rest to a seed: a drawn list is seldom long."""
    count, longest_batch = draw(st.integers(0, 80)), draw(st.integers(1, 30))
    # Of few different vectors many are equal.
    pool = draw(st.sampled_from([1, 4, 2**DIM]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows = np.zeros(count, ROW_DTYPE)
    rows["seq"] = np.cumsum(rng.integers(1, 4, count))
    rows["account"] = rng.integers(1, 5, count)
    rows["organization"] = rng.integers(0, 3, count)
    rows["observed_at"] = rng.integers(0, draw(st.sampled_from([1, 25, 45])), count)
    rows["family"] = rng.integers(0, 6, count)
    return Case(
        rows,
        decoded(rng.integers(0, pool, count).tolist()),
        rng.integers(1, longest_batch + 1, 5).tolist(),
        decoded(rng.integers(0, pool, 2).tolist() + rng.integers(0, 2**DIM, 2).tolist()),
    )


filters = st.builds(
    IndexFilter,
    account=st.none() | st.integers(1, 5),
    organization=st.none() | st.integers(0, 3),
    start=st.none() | st.integers(0, 50),
    end=st.none() | st.integers(0, 50),
    up_to_seq=st.none() | st.integers(0, 150),
)


def both(case: Case, rule: SegmentRule, folder: str) -> tuple[FlatIndex, SegmentedIndex]:
    """Add the rows of a case to both kinds of index."""
    flat, made = FlatIndex(DIM), segmented(Path(folder), rule, dimension=DIM)
    start = turn = 0
    while start < len(case.rows):
        end = start + case.batches[turn % len(case.batches)]
        for index in (flat, made):
            index.add(case.rows[start:end], case.vectors[start:end])
        start, turn = end, turn + 1
    made.finish_sealing()
    return flat, made


def assert_same_nearest(got: Neighbours, exact: Neighbours, case: Case) -> None:
    """Check that both are the same but for the choice among equal scores."""
    np.testing.assert_array_equal(got.scores, exact.scores)
    by_seq = {int(row["seq"]): (row, v) for row, v in zip(case.rows, case.vectors, strict=True)}
    asked = zip(case.queries, got.scores, got.rows, exact.rows, strict=True)
    for query, scores, rows, true_rows in asked:
        worst = scores[-1]
        clear = scores > worst
        assert sorted(rows["seq"][clear].tolist()) == sorted(true_rows["seq"][clear].tolist())
        there = rows["seq"][~np.isneginf(scores)].tolist()
        assert len(set(there)) == len(there)
        for row, score in zip(rows, scores, strict=True):
            if np.isneginf(score):
                assert row == np.zeros((), ROW_DTYPE)
            else:
                true_row, vector = by_seq[int(row["seq"])]
                assert row == true_row
                assert vector @ query == score


def assert_same(got: VectorIndex, exact: VectorIndex, case: Case, where: IndexFilter) -> None:
    for k in (2, 10, 90):
        found = got.nearest(case.queries, k), exact.nearest(case.queries, k)
        assert_same_nearest(*found, case)
    for query in case.queries:
        for threshold in (-1.0, 0.0, 0.75):
            hits = [np.sort(i.over(query, threshold, where), order="seq") for i in (got, exact)]
            np.testing.assert_array_equal(*hits)
    seqs = list(range(-1, 5 + int(case.rows["seq"].max(initial=0))))
    np.testing.assert_array_equal(got.vectors(seqs), exact.vectors(seqs))
    assert got.stats().prompts == exact.stats().prompts
    assert got.stats().last_seq == exact.stats().last_seq


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(case=cases(), where=filters, dropped=st.integers(0, 5))
def test_segments_do_not_show(
    rule: SegmentRule, case: Case, where: IndexFilter, dropped: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        flat, made = both(case, rule, folder)
        assert_same(made, flat, case, where)
        # Buckets start where a segment does, so both drop the same rows.
        assert made.drop_before(dropped * BUCKET) == flat.drop_before(dropped * BUCKET)
        assert_same(made, flat, case, where)
