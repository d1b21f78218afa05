"""Partners' indicators in the record."""

from __future__ import annotations

from dataclasses import replace

from simsvc.domain.sharing import Indicator, IndicatorKind, Tlp
from simsvc.domain.sketch import sketch_of
from simsvc.ports.record import Record
from tests.fakes.prompts import NOW

ONE = Indicator(
    "indicator--1", IndicatorKind.FRAME, "a name ü\u2028", "house", Tlp.AMBER_STRICT, "pair", NOW,
    NOW + 1, 85, sketch_of([2**64 - 1, 0, 5, 2**63]), NOW,
    NOW - 7,
)  # fmt: skip


def test_they_come_back_as_they_were_saved_the_newest_import_first(record: Record) -> None:
    assert record.indicators() == []
    other = replace(ONE, indicator_id="indicator--2", kind=IndicatorKind.DATA_SET, valid_until=0)
    later = replace(ONE, indicator_id="indicator--3", imported_at=NOW + 1)
    record.save_indicators([ONE, other, later])
    assert record.indicators() == [later, ONE, other]


def test_one_that_comes_again_replaces_the_former(record: Record) -> None:
    record.save_indicators([ONE])
    again = replace(ONE, name="another", confidence=1)
    record.save_indicators([again])
    assert record.indicators() == [again]


def test_one_is_deleted_once(record: Record) -> None:
    record.save_indicators([ONE, replace(ONE, indicator_id="indicator--2")])
    assert record.delete_indicator("indicator--1")
    assert not record.delete_indicator("indicator--1")
    assert [i.indicator_id for i in record.indicators()] == ["indicator--2"]
