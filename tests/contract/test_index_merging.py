"""Sealed segments are merged, and nothing is lost on the way, whenever it ends."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from simsvc.index import background
from simsvc.index.ann import Ann, train
from simsvc.index.files import ANN
from simsvc.index.inverted import Check, Half, carry_on
from simsvc.index.merging import due, together
from simsvc.index.sealed import SealedSegment
from simsvc.index.segments import SegmentRule
from simsvc.ports.index import ROW_DTYPE, Vectors
from tests.contract.indexes import (
    BUCKET,
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
QUERIES = vectors_of(range(5_000, 5_010))


def sealed(ordinal: int, seqs: list[int]) -> SealedSegment:
    rows = np.zeros(len(seqs), ROW_DTYPE)
    rows["seq"] = seqs
    half = vectors_of(seqs).astype(np.float16)
    rows["observed_at"] = rows["seq"]
    first, last = min(seqs), max(seqs)
    folder = Path(f"sealed-{ordinal}")
    return SealedSegment(ordinal, rows, rows["seq"], half, None, folder, first, last, len(rows))


def sizes(*lengths: int) -> list[SealedSegment]:
    return [sealed(i, [0] * n) for i, n in enumerate(lengths)]


@pytest.mark.parametrize(
    ("segments", "merged"),
    [
        (sizes(16, 16), []),
        (sizes(16, 16, 16), [0, 1, 2]),
        # The oldest first, and no more than are needed.
        (sizes(16, 16, 16, 16), [0, 1, 2]),
        # A few rows fewer are of the same size.
        (sizes(16, 13, 15), [0, 1, 2]),
        # The largest takes in all others once they hold half as much, however small they are.
        (sizes(48, 16), []),
        (sizes(48, 16, 8), [0, 1, 2]),
        (sizes(48, 16, 16, 48), [0, 1, 2, 3]),
        # A day may begin with a few rows: they keep nothing from growing.
        (sizes(3, 48, 16), []),
        (sizes(3, 48, 16, 8), [0, 1, 2, 3]),
        # What is not due there may be alike.
        (sizes(96, 14, 14, 14), [1, 2, 3]),
        # What would grow over the limit is complete, and the next one grows.
        (sizes(100, 60, 16, 16), [1, 2, 3]),
        (sizes(100, 60, 16), []),
        (sizes(60, 60, 60), [0, 1]),
    ],
)
def test_what_is_merged(segments: list[SealedSegment], merged: list[int]) -> None:
    assert [s.ordinal for s in due(segments, 16, 3, 144)] == merged


@pytest.mark.parametrize("fanout", [0, 1])
def test_without_a_fanout_nothing_is_merged(fanout: int) -> None:
    assert due(sizes(*[16] * 30), 16, fanout, 10**6) == []


def test_rows_stay_in_order_of_seq_with_their_vectors() -> None:
    rows, half = together([sealed(1, [1, 5, 9]), sealed(2, [2, 4, 30])])
    assert rows["seq"].tolist() == [1, 2, 4, 5, 9, 30]
    for seq, vector in zip(rows["seq"].tolist(), half, strict=True):
        np.testing.assert_array_equal(vector.astype(np.float32), vector_of(seq))


def test_an_index_merges_as_it_grows(tmp_path: Path) -> None:
    index = segmented(tmp_path, RULES["merged"])
    fill_index(index, SEQS)
    # Of whatever bucket: three of 16 became one with an inverted file, which took in two more, then
    # three; with another three it would be too large.
    assert index.stats().segments == 4
    for rows in (48, 80, 128):
        merged = list(tmp_path.glob(f"merged-*-{rows:08d}"))
        assert [(path / ANN).exists() for path in merged] == [True] * 3
    assert len(list(tmp_path.glob("merged-*"))) == 9


def test_a_merge_does_not_hold_up_a_sealing(tmp_path: Path) -> None:
    merger = Later()
    index = segmented(tmp_path, RULES["merged"], merger=merger)
    index.add(rows_of(SEQS), vectors_of(SEQS))
    # All but what is written to is sealed, though no merge has begun.
    assert index.stats().segments == len(SEQS) // 16 + bool(len(SEQS) % 16)
    assert len(list(tmp_path.glob("sealed-*"))) == len(SEQS) // 16
    merger.run()
    index.finish_sealing()
    assert list(tmp_path.glob("merged-*"))
    found = index.over(QUERIES[0], -1.0, NO_FILTER)
    assert sorted(found["seq"].tolist()) == list(SEQS)


def test_at_the_end_merges_are_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rule = RULES["merged"]
    index = segmented(tmp_path, rule)

    def ended(vectors: Vectors | Half, recall: float, check: Check = carry_on) -> Ann:
        if len(vectors) > rule.size:
            index.give_up_merges()
        return train(vectors, recall, check)

    monkeypatch.setattr(background, "train", ended)
    fill_index(index, SEQS)
    assert not list(tmp_path.glob("merged-*"))
    assert index.stats().segments == len(list(tmp_path.glob("sealed-*"))) == len(SEQS) // 16
    found = index.over(QUERIES[0], -1.0, NO_FILTER)
    assert sorted(found["seq"].tolist()) == list(SEQS)
    index.capture()()
    monkeypatch.undo()
    again = segmented(tmp_path, rule)
    assert again.restore() == ""
    fill_index(again, range(401, 500))
    assert list(tmp_path.glob("merged-*"))


def test_two_indexes_whose_merges_share_a_thread_end_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = RULES["merged"]
    begun = threading.Event()

    def endless(vectors: Vectors | Half, recall: float, check: Check = carry_on) -> Ann:
        while len(vectors) > rule.size:
            begun.set()
            check()
            time.sleep(0.001)
        return train(vectors, recall, check)

    monkeypatch.setattr(background, "train", endless)
    with ThreadPoolExecutor(1) as sealer, ThreadPoolExecutor(1) as merger:
        both = [segmented(tmp_path / n, rule, sealer, merger=merger) for n in ("one", "two")]
        for index in both:
            index.add(rows_of(SEQS), vectors_of(SEQS))
        assert begun.wait(60)
        # While the merge goes on, all that is full gets sealed, and a snapshot is written.
        while any(len(list((tmp_path / n).glob("sealed-*"))) < 25 for n in ("one", "two")):
            time.sleep(0.001)
        for index in both:
            index.give_up_merges()
        for index in both:
            index.finish_sealing()
            index.capture()()
    assert not list(tmp_path.glob("*/merged-*"))
    again = segmented(tmp_path / "one", rule)
    assert again.restore() == ""
    assert again.stats().prompts == len(SEQS)


def test_days_that_are_over_do_not_stay_hot(tmp_path: Path) -> None:
    rule = SegmentRule(BUCKET, 64, 16, 1.0, hot=100)
    index = segmented(tmp_path, rule)
    # Forty rows a bucket, one bucket after the other.
    rows = np.zeros(400, ROW_DTYPE)
    rows["seq"] = np.arange(1, 401)
    rows["observed_at"] = BUCKET * (np.arange(400) // 40)
    for start in range(0, 400, 20):
        index.add(rows[start : start + 20], vectors_of(range(start + 1, start + 21)))
    index.finish_sealing()
    assert len(list(tmp_path.glob("sealed-*"))) == 8
    assert index.stats().segments == 10
    found = index.over(QUERIES[0], -1.0, NO_FILTER)
    assert sorted(found["seq"].tolist()) == list(range(1, 401))


def test_old_files_stay_until_a_snapshot_does_not_name_them(tmp_path: Path) -> None:
    index = segmented(tmp_path, RULES["merged"])
    fill_index(index, range(1, 161))
    index.capture()()
    before = index.nearest(QUERIES, 20)
    fill_index(index, range(161, 401))
    # A crash now: the manifest of before and the segments that it names are all there.
    again = segmented(tmp_path, RULES["merged"])
    assert again.restore() == ""
    np.testing.assert_array_equal(again.nearest(QUERIES, 20).rows, before.rows)


def test_after_a_snapshot_only_the_merged_segments_are_there(tmp_path: Path) -> None:
    index = segmented(tmp_path, RULES["merged"])
    fill_index(index, SEQS)
    index.capture()()
    assert len([p for p in tmp_path.iterdir() if p.is_dir()]) == index.stats().segments
    again = segmented(tmp_path, RULES["merged"])
    assert again.restore() == ""
    assert again.stats() == index.stats()
    found, expected = (i.nearest(QUERIES, 30) for i in (again, index))
    np.testing.assert_array_equal(found.rows, expected.rows)
    np.testing.assert_array_equal(found.scores, expected.scores)
    assert len(again.over(QUERIES[0], -1.0, NO_FILTER)) == len(SEQS)
