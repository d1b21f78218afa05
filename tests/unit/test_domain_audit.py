"""The chain of the audit log: nothing in it can be changed, left out or put in unseen."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsvc.domain.audit import AuditChain, AuditEntry, AuditNote, ChainReport, checked

CHAIN = AuditChain({"old": b"o" * 32, "new": b"n" * 32}, "new")
OLD = AuditChain({"old": b"o" * 32}, "old")
TEXT = st.text(max_size=8)
NOTES = st.lists(
    st.builds(
        AuditNote, st.integers(0, 10**16), TEXT, TEXT, TEXT, TEXT, TEXT, TEXT, TEXT,
        st.integers(0, 9), TEXT,
    ),
    min_size=2,
    max_size=6,
)  # fmt: skip


def linked(notes: list[AuditNote], chain: AuditChain = CHAIN) -> list[AuditEntry]:
    entries: list[AuditEntry] = []
    for note in notes:
        before = entries[-1].digest if entries else b""
        position = len(entries) + 1
        digest = chain.link(before, position, note)
        entries.append(AuditEntry(position, note, chain.active, digest))
    return entries


@given(NOTES)
def test_a_log_as_it_was_written_is_whole(notes: list[AuditNote]) -> None:
    entries = linked(notes)
    report = checked(CHAIN, entries, ChainReport())
    expected = ChainReport(len(notes), 0, entries[-1].digest, 0, len(notes))
    assert report == expected
    halves = checked(CHAIN, entries[1:], checked(CHAIN, entries[:1], ChainReport()))
    assert halves == expected


@given(NOTES, st.data())
def test_a_changed_entry_is_the_first_broken_one(notes: list[AuditNote], data: st.DataObject):
    entries = linked(notes)
    place = data.draw(st.integers(0, len(entries) - 1))
    field = data.draw(st.sampled_from(["principal", "action", "subject", "before", "comment"]))
    note = entries[place].note
    forged = replace(note, **{field: getattr(note, field) + "x"})
    entries[place] = replace(entries[place], note=forged)
    assert checked(CHAIN, entries, ChainReport()).broken == place + 1


@given(NOTES, st.data())
def test_an_entry_that_is_left_out_is_found(notes: list[AuditNote], data: st.DataObject) -> None:
    entries = linked(notes)
    place = data.draw(st.integers(0, len(entries) - 2))
    del entries[place]
    assert checked(CHAIN, entries, ChainReport()).broken == entries[place].position


def test_a_forger_without_the_key_is_found() -> None:
    notes = [AuditNote(i, "p", "search", "s") for i in range(3)]
    forged = linked(notes, AuditChain({"new": b"guessed" * 5}, "new"))
    assert checked(CHAIN, forged, ChainReport()).broken == 1


def test_entries_of_an_older_key_stay_checkable_while_it_is_kept() -> None:
    first = linked([AuditNote(1, "p", "search", "s")], OLD)
    note = AuditNote(2, "p", "search", "t")
    second = AuditEntry(2, note, "new", CHAIN.link(first[0].digest, 2, note))
    assert checked(CHAIN, [*first, second], ChainReport()).broken == 0
    assert checked(AuditChain({"new": b"n" * 32}, "new"), first, ChainReport()).broken == 1
    with pytest.raises(KeyError):
        CHAIN.link(b"", 1, note, "third")


def test_entries_without_a_digest_count_only_before_the_chain() -> None:
    bare = AuditEntry(1, AuditNote(1, "p", "search", "s"), "", b"")
    note = AuditNote(2, "p", "search", "t")
    chained = AuditEntry(2, note, "new", CHAIN.link(b"", 2, note))
    report = checked(CHAIN, [bare, chained], ChainReport())
    assert (report.entries, report.unchained, report.broken) == (2, 1, 0)
    late = replace(bare, position=3)
    assert checked(CHAIN, [late], report).broken == 3
