"""What the SQLite record promises beyond the port: a file, durability, and failing well."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from simsvc.domain.errors import UnavailableError
from simsvc.domain.prompt import Message, Role
from simsvc.record.backend import RecordNotOpenedError
from simsvc.record.checkpoints import Checkpoints
from simsvc.record.sql import SqlRecord
from tests.contract.everything import all_of, writes
from tests.contract.support import (
    CODECS,
    disk,
    fill,
    open_sql,
    owner_of,
)
from tests.fakes.embedder import INFO
from tests.fakes.prompts import HOUR, NOW, owner_key
from tests.until import until

FAULTS = ("full", "read-only")
BIG = Message(Role.USER, "x" * 1_000_000)


def test_every_connection_is_durable(sqlite_record: SqlRecord) -> None:
    connections = [sqlite_record._engine.connect() for _ in range(4)]
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 10_000}
    for connection in connections:
        found = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in wanted}
        assert found == wanted
    for connection in connections:
        connection.close()


def test_the_log_is_copied_beside_commits_and_begins_anew(
    tmp_path: Path, sqlite_record: SqlRecord
) -> None:
    database, log = tmp_path / "record.db", tmp_path / "record.db-wal"
    texts = ["x" * 100_000] * 20
    fill(sqlite_record, texts)
    alone = database.stat().st_size
    # Two megabytes are in the log, which no commit copies so soon.
    assert alone < 500_000 < log.stat().st_size
    sqlite_record.claim_writer()
    fill(sqlite_record, ["one more"])
    until(lambda: database.stat().st_size > 2_000_000)

    def stays() -> bool:
        before = log.stat().st_size
        fill(sqlite_record, ["one more"])
        return log.stat().st_size == before

    until(stays)


def test_a_checkpoint_that_fails_is_said_and_tried_again(tmp_path: Path) -> None:
    with capture_logs() as logs:
        checkpoints = Checkpoints(tmp_path / "no folder" / "record.db", 1.0)
        for count in (1, 2):
            checkpoints.note()
            until(lambda count=count: len(logs) == count)
        checkpoints.stop()
    assert {line["event"] for line in logs} == {"checkpoint_failed"}


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


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_record_that_is_no_file_is_refused(url: str) -> None:
    with pytest.raises(RecordNotOpenedError, match="needs a file"):
        SqlRecord.open(url, INFO, CODECS["plain"])


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
