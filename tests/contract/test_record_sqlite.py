"""What the SQLite record promises beyond the port: a file, durability, and failing well."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from simsvc.domain.errors import UnavailableError
from simsvc.domain.prompt import Message, Role
from simsvc.ports.record import LookupAudit
from simsvc.record import tables
from simsvc.record.backend import RecordNotOpenedError
from simsvc.record.sql import OtherGenerationError, SqlRecord
from tests.contract.support import (
    BOTH_RING,
    CODECS,
    HARD_TEXTS,
    NEW_RING,
    disk,
    fill,
    open_sql,
    owner_of,
    said,
)
from tests.contract.test_record_campaigns import campaign, opened
from tests.fakes.embedder import INFO
from tests.fakes.prompts import HOUR, NOW, new_prompt, owner_key

FAULTS = ("full", "read-only")
BIG = Message(Role.USER, "x" * 1_000_000)


def all_of(record: SqlRecord) -> list[object]:
    """Return everything that the record says, comparable."""
    seqs = range(1, 100)
    vectors = [record.vector(seq) for seq in seqs]
    accounts = range(1, 50)
    return [
        record.last_seq(),
        record.prompts(seqs),
        [None if v is None else v.tobytes() for v in vectors],
        record.account_names(accounts),
        record.organization_names(accounts),
        record.account_hashes(accounts),
        [record.account_facts(a) for a in accounts],
        record.campaigns(),
        record.campaign_events(0, 100),
    ]


def test_a_reopened_record_holds_everything(tmp_path: Path) -> None:
    first = open_sql(tmp_path)
    owner = owner_of(first, "a", "org", raw=True)
    first.append([said(first.allot(1), owner, text) for text in HARD_TEXTS.values()])
    owner_of(first, "a", ring=BOTH_RING)
    first.save_campaigns([opened(campaign("a"))])
    before = all_of(first)
    first.close()
    again = open_sql(tmp_path)
    assert all_of(again) == before
    assert again.allot(1) == again.last_seq() + 1
    assert owner_of(again, "a", ring=NEW_RING).account == owner.account
    again.close()


def test_another_reader_sees_what_was_acknowledged(
    tmp_path: Path, sqlite_record: SqlRecord
) -> None:
    other = open_sql(tmp_path)
    for i in range(3):
        [new] = fill(sqlite_record, [f"t{i}"])
        assert set(other.prompts([new.outcome.seq])) == {new.outcome.seq}
    other.close()


def test_a_seq_is_not_given_again_after_a_purge_and_a_restart(tmp_path: Path) -> None:
    first = open_sql(tmp_path)
    last = fill(first, ["a", "b", "c"])[-1].outcome.seq
    first.purge(NOW + HOUR)
    first.close()
    again = open_sql(tmp_path)
    assert again.last_seq() == 0
    later = again.allot(1)
    assert later > last
    # A second purge of nothing must not take the mark back.
    again.purge(NOW + HOUR)
    again.close()
    third = open_sql(tmp_path)
    assert third.allot(1) > later
    third.close()


def test_look_ups_are_on_disk(tmp_path: Path, sqlite_record: SqlRecord) -> None:
    entries = [LookupAudit(NOW + i, "anna", "search", f"s{i}\u2028") for i in range(3)]
    sqlite_record.append_audit(entries)
    other = open_sql(tmp_path)
    with other._engine.connect() as connection:
        rows = connection.execute(select(tables.lookups).order_by(tables.lookups.c.position))
        assert [LookupAudit(r.at, r.principal, r.action, r.subject) for r in rows] == entries
    other.close()


def test_every_connection_is_durable(sqlite_record: SqlRecord) -> None:
    connections = [sqlite_record._engine.connect() for _ in range(4)]
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 10_000}
    for connection in connections:
        found = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in wanted}
        assert found == wanted
    for connection in connections:
        connection.close()


def writes(record: SqlRecord) -> dict[str, Callable[[], object]]:
    """Return one call of each kind that writes; each needs more room than a page has."""
    owner = owner_of(record, "known")
    [seq] = [record.allot(1)]
    big = new_prompt(seq, owner, messages=(BIG,))
    audit = LookupAudit(NOW, "p", "a", BIG.content)
    huge = campaign("a", merged_into=BIG.content)
    names = [owner_key("x" * 100_000 + str(i), raw=True) for i in range(20)]
    return {
        "append": lambda: record.append([big]),
        "owners": lambda: record.owners(names),
        "save_campaigns": lambda: record.save_campaigns([opened(campaign("b")), opened(huge)]),
        "append_audit": lambda: record.append_audit([audit]),
    }


@pytest.mark.parametrize("fault", FAULTS)
def test_what_cannot_be_written_is_unavailable_and_leaves_nothing(
    sqlite_record: SqlRecord, fault: str
) -> None:
    fill(sqlite_record, ["before"])
    calls = writes(sqlite_record)
    before = all_of(sqlite_record)
    with disk(sqlite_record, fault):
        for call in calls.values():
            with pytest.raises(UnavailableError):
                call()
        # Reading goes on.
        assert all_of(sqlite_record) == before
    assert all_of(sqlite_record) == before


@pytest.mark.parametrize("fault", FAULTS)
def test_all_can_be_written_again_when_the_fault_is_gone(
    tmp_path: Path, sqlite_record: SqlRecord, fault: str
) -> None:
    calls = writes(sqlite_record)
    with disk(sqlite_record, fault):
        for call in calls.values():
            with pytest.raises(UnavailableError):
                call()
    for call in calls.values():
        call()
    sqlite_record.check_writable()
    [new] = fill(sqlite_record, ["after"])
    other = open_sql(tmp_path)
    assert all_of(other) == all_of(sqlite_record)
    assert set(other.prompts(range(1, 50))) == {1, new.outcome.seq}
    assert len(other.account_names(range(1, 50))) == 22
    other.close()


def test_a_read_only_file_can_be_neither_purged_nor_probed(sqlite_record: SqlRecord) -> None:
    [new] = fill(sqlite_record, ["a"])
    with disk(sqlite_record, "read-only"):
        with pytest.raises(UnavailableError):
            sqlite_record.check_writable()
        with pytest.raises(UnavailableError):
            sqlite_record.purge(NOW + HOUR)
        assert set(sqlite_record.prompts([new.outcome.seq])) == {new.outcome.seq}
    sqlite_record.check_writable()
    assert sqlite_record.purge(NOW + HOUR) == 1


def test_a_write_beside_another_process_s_write_is_unavailable(tmp_path: Path) -> None:
    record = open_sql(tmp_path, busy=0.05)
    [before] = fill(record, ["before"])
    with closing(sqlite3.connect(tmp_path / "record.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(UnavailableError):
            fill(record, ["beside"])
        with pytest.raises(UnavailableError):
            record.check_writable()
        assert set(record.prompts(range(1, 9))) == {before.outcome.seq}
        other.execute("ROLLBACK")
    [after] = fill(record, ["after"])
    assert set(record.prompts(range(1, 9))) == {before.outcome.seq, after.outcome.seq}
    record.close()


def test_a_reference_that_was_not_written_is_not_remembered(
    tmp_path: Path, sqlite_record: SqlRecord
) -> None:
    # The first finds room, and is taken back with the second.
    keys = [owner_key("a", "org"), owner_key("b" * 1_000_000, raw=True)]
    with disk(sqlite_record, "full"), pytest.raises(UnavailableError):
        sqlite_record.owners(keys)
    owner = owner_of(sqlite_record, "a", "org")
    other = open_sql(tmp_path)
    assert other.find_account([keys[0].account[0].value]) == owner.account
    assert other.find_organization([keys[0].organization[0].value]) == owner.organization
    assert other.account_names([owner.account]).keys() == {owner.account}
    other.close()


def test_a_repeated_request_id_is_not_an_outage(sqlite_record: SqlRecord) -> None:
    [old] = fill(sqlite_record, ["a"])
    again = replace(new_prompt(sqlite_record.allot(1), old.owner), request_id=old.request_id)
    try:
        sqlite_record.append([again])
    except Exception as error:  # noqa: BLE001 - which one is what is tested
        assert not isinstance(error, UnavailableError)  # noqa: PT017
    else:
        pytest.fail("the record took a request_id twice")


def test_vectors_of_another_model_are_refused(tmp_path: Path) -> None:
    first = open_sql(tmp_path)
    written = fill(first, ["a"])
    first.close()
    for changed in ({"sha256": "1" * 64}, {"dimension": 33}, {"dtype": "bfloat16"}):
        with pytest.raises(OtherGenerationError, match="fake"):
            open_sql(tmp_path, model=replace(INFO, **changed))
    again = open_sql(tmp_path)
    assert set(again.prompts(range(1, 9))) == {p.outcome.seq for p in written}
    again.close()


def test_the_same_weights_from_another_folder_are_taken(tmp_path: Path) -> None:
    first = open_sql(tmp_path)
    fill(first, ["a"])
    first.close()
    moved = open_sql(tmp_path, model=replace(INFO, model="elsewhere/fake"))
    assert moved.vector(1) is not None
    moved.close()


def test_a_record_without_vectors_takes_another_model(tmp_path: Path) -> None:
    other = replace(INFO, sha256="1" * 64)
    open_sql(tmp_path).close()
    second = open_sql(tmp_path, model=other)
    fill(second, ["a"])
    second.close()
    again = open_sql(tmp_path, model=other)
    assert again.vector(1) is not None
    again.close()


def test_a_model_that_was_noted_but_never_used_is_refused(tmp_path: Path) -> None:
    open_sql(tmp_path).close()
    second = open_sql(tmp_path, model=replace(INFO, sha256="1" * 64))
    fill(second, ["a"])
    second.close()
    with pytest.raises(OtherGenerationError):
        open_sql(tmp_path)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_record_that_is_no_file_is_refused(url: str) -> None:
    with pytest.raises(RecordNotOpenedError, match="needs a file"):
        SqlRecord.open(url, INFO, CODECS["plain"])


@pytest.mark.parametrize("url", ["mysql://h/d", "postgresql+asyncpg://u:secret@h/d", "secret"])
def test_another_database_is_refused(url: str) -> None:
    with pytest.raises(RecordNotOpenedError, match="record") as caught:
        SqlRecord.open(url, INFO, CODECS["plain"])
    assert "secret" not in str(caught.value)


def test_a_second_writer_of_one_file_is_refused_until_the_first_lets_go(tmp_path: Path) -> None:
    first, second = open_sql(tmp_path), open_sql(tmp_path)
    first.claim_writer()
    with pytest.raises(RecordNotOpenedError, match="another server writes to"):
        second.claim_writer()
    # A job, which claims nothing, goes on.
    [new] = fill(first, ["a"])
    assert second.prompts([new.outcome.seq])
    first.close()
    second.claim_writer()
    assert second.allot(1) == new.outcome.seq + 1
    second.close()
