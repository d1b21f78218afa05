"""Old prompts go in parts, and it costs what goes, not what stays."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event

from simsvc.domain.errors import UnavailableError
from simsvc.ports.record import Record
from simsvc.record.checks import RecordChecks
from simsvc.record.sql import SqlRecord
from tests.contract.effort import analyse, effort
from tests.contract.support import Place, fill
from tests.contract.test_record_generations import embeddings, other_generation
from tests.fakes.prompts import HOUR, NOW

TABLES = ("prompts", "vectors", "families")
STAYING = 2000


def test_a_purge_takes_the_oldest_and_no_more_than_it_may(record: Record) -> None:
    late = fill(record, ["e", "f"], at=NOW - HOUR)
    old = fill(record, ["a", "b", "c"], at=NOW - 2 * HOUR)
    new = fill(record, ["g"])
    left = [*old, *late, *new]
    for gone in (2, 2, 1, 0):
        assert record.purge(NOW, 2) == gone
        left = left[gone:]
        assert sorted(record.prompts(range(1, 9))) == sorted(p.outcome.seq for p in left)
    assert record.last_seq() == new[0].outcome.seq


def test_a_part_goes_whole_from_all_generations(sql_record: SqlRecord) -> None:
    fill(sql_record, [f"text {i}" for i in range(6)])
    seqs = [1, 2, 3, 4, 5, 6]
    other = sql_record.of(other_generation(sql_record))
    other.put_embeddings(embeddings(seqs))
    other.put_families(dict.fromkeys(seqs, 1))
    # One whose deletion broke off: its entry is gone, its rows are not.
    unnoted = sql_record.of(other.generation)
    unnoted._generation_id = "gen-unnoted"
    unnoted.put_embeddings(embeddings(seqs))
    assert sql_record.purge(NOW + HOUR, 4) == 4
    for record in (sql_record, other, unnoted):
        assert sorted(record.held(seqs)) == [5, 6]
        assert not [seq for page in RecordChecks(record).orphan_vectors() for seq in page]
        assert not [seq for page in RecordChecks(record).orphan_families() for seq in page]


def test_a_seq_of_the_last_part_is_not_given_again(place: Place) -> None:
    first = place.open()
    last = fill(first, ["a", "b", "c"])[-1].outcome.seq
    assert [first.purge(NOW + HOUR, 2) for _ in range(2)] == [2, 1]
    first.close()
    again = place.open()
    assert again.allot(1) == last + 1
    again.close()


@pytest.mark.parametrize("at", TABLES)
def test_a_part_that_fails_leaves_all_and_the_next_goes_on(sql_record: SqlRecord, at: str) -> None:
    fill(sql_record, [f"text {i}" for i in range(6)])
    assert sql_record.purge(NOW + HOUR, 2) == 2

    def fail(*told: Any) -> None:
        if told[2].startswith("DELETE") and f" {at} " in told[2]:
            raise UnavailableError("the disk is full")

    event.listen(sql_record._engine, "before_cursor_execute", fail)
    with pytest.raises(UnavailableError):
        sql_record.purge(NOW + HOUR, 2)
    event.remove(sql_record._engine, "before_cursor_execute", fail)
    assert sorted(sql_record.prompts(range(1, 9))) == [3, 4, 5, 6]
    assert [sql_record.purge(NOW + HOUR, 2) for _ in range(3)] == [2, 2, 0]


def test_where_nothing_is_due_nothing_is_written(sql_record: SqlRecord) -> None:
    fill(sql_record, ["a"])
    told: list[str] = []
    event.listen(sql_record._engine, "before_cursor_execute", lambda *a: told.append(a[2]))
    assert sql_record.purge(NOW) == 0
    assert [statement.partition(" ")[0] for statement in told if "BEGIN" not in statement] == [
        "SELECT"
    ]
    assert not [statement for statement in told if "IMMEDIATE" in statement]


@pytest.mark.parametrize("due", [1, 5])
def test_what_stays_costs_nothing(place: Place, sql_record: SqlRecord, due: int) -> None:
    efforts = []
    for round_, staying in enumerate((STAYING // 4, STAYING)):
        fill(sql_record, [f"old {round_} {i}" for i in range(due)], at=NOW - HOUR)
        fill(sql_record, [f"new {round_} {i}" for i in range(staying)])
        analyse(place, sql_record)
        efforts.append(effort(place, sql_record, lambda: sql_record.purge(NOW), TABLES))
    few, many = efforts
    assert many <= few + STAYING / 4
