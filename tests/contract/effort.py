"""How much a database does for a call, counted by itself."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from simsvc.record.sql import SqlRecord
from tests.contract.support import Place


@contextmanager
def counted_steps(record: SqlRecord) -> Iterator[list[int]]:
    """Count the steps of SQLite's virtual machine."""
    steps: list[int] = []

    def count(connection: Any, *_: object) -> None:
        connection.connection.dbapi_connection.set_progress_handler(lambda: steps.append(1), 1)

    def rest(connection: Any, *_: object) -> None:
        connection.connection.dbapi_connection.set_progress_handler(None, 1)

    event.listen(record._engine, "before_cursor_execute", count)
    event.listen(record._engine, "rollback", rest)
    yield steps
    event.remove(record._engine, "before_cursor_execute", count)


@contextmanager
def counted_rows(record: SqlRecord, tables: Collection[str]) -> Iterator[list[int]]:
    """Count the rows of tables that PostgreSQL's plans read, by statements run and taken back."""
    rows: list[int] = []

    def explain(connection: Any, _: object, statement: str, parameters: Any, *_more: Any) -> None:
        with connection.connection.dbapi_connection.cursor() as cursor:
            cursor.execute("SAVEPOINT explained")
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters)
            rows.extend(_read(cursor.fetchone()[0][0]["Plan"], tables))
            cursor.execute("ROLLBACK TO SAVEPOINT explained")

    event.listen(record._engine, "before_cursor_execute", explain)
    yield rows
    event.remove(record._engine, "before_cursor_execute", explain)


def _read(plan: dict[str, Any], tables: Collection[str]) -> Iterator[int]:
    if plan.get("Relation Name") in tables and plan["Node Type"] != "ModifyTable":
        each = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
        yield from [1] * int(each * plan["Actual Loops"])
    for part in plan.get("Plans", ()):
        yield from _read(part, tables)


def effort(
    place: Place,
    record: SqlRecord,
    call: Callable[[], object],
    tables: Collection[str] = ("prompts",),
) -> int:
    """Return what a call cost: in SQLite, steps; in PostgreSQL, rows of these tables."""
    sqlite = place.kind == "sqlite"
    with counted_steps(record) if sqlite else counted_rows(record, tables) as units:
        call()
    return len(units)


def analyse(place: Place, record: SqlRecord) -> None:
    """Let PostgreSQL know how often each text is there, as it does by itself after a while."""
    if place.kind == "postgresql":
        with record._engine.connect() as connection:
            connection.exec_driver_sql("ANALYZE")
            connection.commit()
