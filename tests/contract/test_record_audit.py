"""The audit log in the record."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from simsvc.domain.audit import (
    UNKEYED,
    AuditChain,
    AuditFilter,
    AuditNote,
    ChainReport,
    checked,
)
from simsvc.ports.record import Record
from simsvc.record.deliveries import SqlDeliveries
from tests.contract.support import Place
from tests.contract.test_record_campaigns import campaign, opened
from tests.fakes.prompts import NOW

ALL = AuditFilter()


def note(number: int, **changed) -> AuditNote:
    made = AuditNote(NOW + number, "anna", "search", f"s{number} ü\u2028")
    return replace(made, **changed)


def test_an_empty_log(record: Record) -> None:
    assert record.audit(0, 10, ALL) == []
    assert record.audit_from(0, 10) == []
    record.append_audit([])
    assert record.audit_from(0, 10) == []


def test_notes_come_back_as_they_were_written_newest_first(record: Record) -> None:
    full = note(3, campaign_id="cmp_a", before="{}", after='{"ü": 1}', comment="\u202e", detail="d")
    record.append_audit([note(1), note(2)])
    record.append_audit([full])
    entries = record.audit(0, 10, ALL)
    assert [e.note for e in entries] == [full, note(2), note(1)]
    assert [e.position for e in entries] == [3, 2, 1]
    assert [e.note for e in record.audit_from(1, 1)] == [note(2)]


def test_pages_go_on_below_a_position(record: Record) -> None:
    record.append_audit([note(i) for i in range(5)])
    assert [e.position for e in record.audit(0, 2, ALL)] == [5, 4]
    assert [e.position for e in record.audit(4, 2, ALL)] == [3, 2]
    assert [e.position for e in record.audit(2, 2, ALL)] == [1]


def test_filters_hold_together(record: Record) -> None:
    record.append_audit(
        [
            note(1, principal="ben"),
            note(2, action="dismiss", campaign_id="cmp_a"),
            note(3, principal="ben", action="dismiss", campaign_id="cmp_b"),
        ]
    )

    def found(**where: str) -> list[int]:
        return [e.position for e in record.audit(0, 10, AuditFilter(**where))]

    assert found(principal="ben") == [3, 1]
    assert found(action="dismiss") == [3, 2]
    assert found(campaign_id="cmp_a") == [2]
    assert found(principal="ben", action="dismiss") == [3]
    assert found(principal="nobody") == []


def test_an_entry_tells_what_took_it_back(record: Record) -> None:
    record.append_audit([note(1), note(2, undoes=1)])
    assert [(e.position, e.undone_by) for e in record.audit(0, 10, ALL)] == [(2, 0), (1, 2)]
    assert record.audit(2, 1, ALL)[0].undone_by == 2


def test_the_chain_is_whole(record: Record) -> None:
    record.append_audit([note(1)])
    record.save_campaigns([opened(campaign("a"))], [note(2), note(3)])
    entries = record.audit_from(0, 10)
    report = checked(UNKEYED, entries, ChainReport())
    assert (report.entries, report.broken) == (3, 0)
    assert len({e.digest for e in entries}) == 3


def test_another_process_goes_on_with_the_chain_under_its_key(place: Place) -> None:
    chain = AuditChain({"k": b"k" * 32}, "k")
    for number in range(3):
        opened_record = place.open()
        opened_record.chain = chain
        opened_record.append_audit([note(number)])
        entries = opened_record.audit_from(0, 10)
        opened_record.close()
    assert checked(chain, entries, ChainReport()) == ChainReport(3, 0, entries[-1].digest, 0, 3)
    assert checked(UNKEYED, entries, ChainReport()).broken == 1


def test_a_campaign_and_its_note_are_written_together_or_not_at_all(place: Place) -> None:
    made = place.open()
    broken = note(1, subject=None)
    with pytest.raises(Exception, match=r"(?i)null"):
        made.save_campaigns([opened(campaign("a"))], [broken])
    assert made.campaigns() == []
    assert made.audit_from(0, 10) == []
    made.close()


def test_two_that_write_wait_for_each_other(place: Place) -> None:
    """The log reads its newest entry before it writes: the others' writes must not break that."""
    one, other = place.open(), place.open()
    errors: list[BaseException] = []

    def work() -> None:
        try:
            for i in range(40):
                deliveries = SqlDeliveries(other._engine)
                deliveries.plan("hook", i, [])
        except BaseException as error:  # noqa: BLE001 - told by the test
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    for i in range(40):
        one.append_audit([note(i)])
    thread.join()
    assert errors == []
    assert checked(UNKEYED, one.audit_from(0, 100), ChainReport()).entries == 40
    one.close()
    other.close()
