"""What fails in the background is told, loses nothing, and is tried again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from simsvc.index import background
from simsvc.index.files import write_sealed
from simsvc.index.hot import HotSegment
from simsvc.index.segmented import SegmentedIndex
from simsvc.index.segments import SegmentRule
from tests.contract.indexes import (
    BUCKET,
    NO_FILTER,
    fill_index,
    rows_of,
    segmented,
    vectors_of,
)

SEQS = range(1, 401)
# One bucket: sixteen rows after the other are sealed.
RULE = SegmentRule(10**6, 16, 16, 1.0)
# Three of sixteen become one of 48 with an inverted file.
MERGED = SegmentRule(10**6, 16, 40, 1.0, fanout=3, largest=144)


class Disk:
    """Notes which segments are written, and is full for some of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tried: list[int] = []
        self.full: Callable[[int], bool] = lambda _: True
        monkeypatch.setattr(background, "write_sealed", self.write)

    def write(self, folder: Path, ordinal: int, *args: object) -> object:
        self.tried.append(ordinal)
        if self.full(ordinal):
            raise OSError("no space left")
        return write_sealed(folder, ordinal, *args)  # type: ignore[arg-type]


def seal(index: SegmentedIndex, number: int) -> None:
    """Add as many rows as are sealed at once, for the n-th time."""
    fill_index(index, range(16 * number - 15, 16 * number + 1))


def assert_holds(index: SegmentedIndex, last: int) -> None:
    found = index.over(vectors_of([5_000])[0], -1.0, NO_FILTER)
    assert sorted(found["seq"].tolist()) == list(range(1, last + 1))


def hot(index: SegmentedIndex) -> int:
    return sum(isinstance(s, HotSegment) for s in index._segments.all)


def test_a_sealing_that_failed_is_tried_again_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch)
    index = segmented(tmp_path, RULE)
    for number in (1, 2, 3):
        seal(index, number)
        assert hot(index) == number
    # A disk that is still full is tried once a sealing.
    assert disk.tried == [1, 2, 3]
    disk.full = lambda _: False
    fill_index(index, range(49, 60))
    assert disk.tried == [1, 2, 3]
    fill_index(index, range(60, 65))
    assert disk.tried[3:] == [4, 1, 2, 3]
    assert hot(index) == 0
    assert_holds(index, 64)
    seal(index, 5)
    assert disk.tried[7:] == [5]


def test_one_that_fails_every_time_keeps_no_other_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch)
    index = segmented(tmp_path, RULE)
    for number in (1, 2, 3):
        seal(index, number)
    disk.full = lambda ordinal: ordinal == 1
    seal(index, 4)
    seal(index, 5)
    assert disk.tried[3:] == [4, 1, 5, 2, 3, 1]
    assert hot(index) == 1
    assert_holds(index, 80)


def test_what_retention_has_passed_is_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch)
    index = segmented(tmp_path, SegmentRule(BUCKET, 16, 16, 1.0))
    rows = rows_of(range(1, 49))
    rows["observed_at"] = BUCKET * ((rows["seq"] - 1) // 16)
    index.add(rows[:32], vectors_of(range(1, 33)))
    assert disk.tried == [1, 2]
    disk.full = lambda _: False
    index.drop_before(BUCKET)
    index.add(rows[32:], vectors_of(range(33, 49)))
    assert disk.tried[2:] == [3, 2]
    assert (hot(index), index.stats().prompts) == (0, 32)


def test_a_snapshot_holds_what_could_not_be_sealed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch)
    index = segmented(tmp_path, RULE)
    seal(index, 1)
    index.capture()()
    disk.full = lambda _: False
    again = segmented(tmp_path, RULE)
    assert again.restore() == ""
    assert (hot(again), disk.tried) == (0, [1, 1])
    assert_holds(again, 16)


@pytest.mark.parametrize("step", ["train", "together", "write_sealed"])
def test_a_merge_that_memory_does_not_suffice_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], step: str
) -> None:
    index = segmented(tmp_path, MERGED)
    fill_index(index, range(1, 33))

    def too_large(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(background, step, too_large)
        fill_index(index, range(33, 49))
    assert "sealing_failed" in capsys.readouterr().out
    assert_holds(index, 48)
    fill_index(index, range(49, 401))
    assert hot(index) == 0
    assert list(tmp_path.glob("merged-*"))
    assert_holds(index, 400)


def test_an_error_that_nobody_expects_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("of no kind that is known")

    index = segmented(tmp_path, MERGED)
    monkeypatch.setattr(background, "together", broken)
    index.add(rows_of(SEQS), vectors_of(SEQS))
    assert "of no kind that is known" in capsys.readouterr().out
    # The end does not wait for merges.
    index.give_up_merges()
    index.finish_sealing()
    assert_holds(index, 400)
    np.testing.assert_array_equal(index.vectors([7]), vectors_of([7]))
