"""The migrations on PostgreSQL: the same history makes the same schema there."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from simsvc.record.backend import RecordNotOpenedError
from simsvc.record.engine import migrate, open_engine
from simsvc.record.tables import metadata
from tests.contract.support import Place, fill
from tests.integration.test_migrations import VERSIONS, configuration
from tests.postgres import Databases

_FACTS = {
    "columns": "SELECT table_name, column_name, data_type, character_maximum_length, "
    "is_nullable, column_default FROM information_schema.columns WHERE table_schema = 'public'",
    "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "constraints": "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) "
    "FROM pg_constraint WHERE connamespace = 'public'::regnamespace",
}


@pytest.fixture
def empty_url(databases: Databases) -> Iterator[str]:
    """The URL of a database without a schema."""
    url = databases.make_empty()
    yield url
    databases.drop(url)


@pytest.fixture
def engine(postgres_url: str) -> Iterator[sa.Engine]:
    """A database that all migrations were run on."""
    made = open_engine(postgres_url, 10.0)
    yield made
    made.dispose()


def facts(connection: sa.Connection) -> dict[str, list[Any]]:
    """Return all that PostgreSQL knows of the record's tables, but in what order columns came."""
    found = {what: connection.exec_driver_sql(query).all() for what, query in _FACTS.items()}
    return {
        what: sorted(tuple(map(str, row)) for row in rows if row[0] != VERSIONS)
        for what, rows in found.items()
    }


def test_alembic_finds_no_difference(engine: sa.Engine) -> None:
    options = {"compare_type": True, "compare_server_default": True}
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []


def test_the_tables_are_those_that_the_metadata_would_make(
    engine: sa.Engine, empty_url: str
) -> None:
    fresh = sa.create_engine(empty_url)
    with fresh.begin() as connection:
        metadata.create_all(connection)
        expected = facts(connection)
    with engine.connect() as connection:
        assert facts(connection) == expected
    assert {row[0] for row in expected["columns"]} == metadata.tables.keys()
    fresh.dispose()


def test_an_up_to_date_database_is_left_alone(engine: sa.Engine, postgres_url: str) -> None:
    record = Place(postgres_url).open()
    written = fill(record, ["a", "b"])
    with engine.connect() as connection:
        before = facts(connection)
    migrate(engine)
    with engine.connect() as connection:
        assert facts(connection) == before
    assert record.prompts([1, 2]).keys() == {p.outcome.seq for p in written}
    record.close()


def test_all_can_be_undone_and_done_again(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        before = facts(connection)
    with engine.begin() as connection:
        command.downgrade(configuration(connection), "base")
    with engine.connect() as connection:
        assert facts(connection)["columns"] == []
    migrate(engine)
    with engine.connect() as connection:
        assert facts(connection) == before


def test_a_migration_that_breaks_off_leaves_nothing(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        command.downgrade(configuration(connection), "base")
        connection.exec_driver_sql("CREATE TABLE organization_hashes (a int)")
    with pytest.raises(sa.exc.ProgrammingError, match="already exists"):
        migrate(engine)
    with engine.connect() as connection:
        assert {row[0] for row in facts(connection)["columns"]} == {"organization_hashes"}


def test_several_that_open_a_new_record_at_once_make_one_schema(empty_url: str) -> None:
    count = 4
    barrier = Barrier(count)

    def open_one(_: int) -> int:
        barrier.wait()
        record = Place(empty_url).open()
        last = record.last_seq()
        record.close()
        return last

    with ThreadPoolExecutor(count) as pool:
        assert list(pool.map(open_one, range(count))) == [0] * count


def test_a_migration_waits_for_another_no_longer_than_for_a_lock(empty_url: str) -> None:
    holder = sa.create_engine(empty_url)
    with holder.begin() as connection:
        connection.exec_driver_sql(
            "SELECT pg_advisory_xact_lock(1936289123, hashtext(current_schema()))"
        )
        with pytest.raises(RecordNotOpenedError, match="lock timeout"):
            open_engine(empty_url, 0.05)
    open_engine(empty_url, 0.05).dispose()
    holder.dispose()


def test_another_encoding_is_refused(databases: Databases) -> None:
    name = "simsvc_test_latin"
    url = databases.url(name)
    databases.drop(url)
    how = "TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'"
    databases.run(f"CREATE DATABASE {name} {how}")
    with pytest.raises(RecordNotOpenedError, match="UTF8, not in SQL_ASCII"):
        open_engine(url, 10.0)
    databases.drop(url)


def test_a_role_that_may_not_make_tables_is_told_so(databases: Databases, empty_url: str) -> None:
    database = sa.make_url(empty_url)
    role = f"{database.database}_guest"
    databases.run(f"CREATE ROLE {role} LOGIN PASSWORD 'secret'")
    guest = database.set(username=role, password="secret")
    with pytest.raises(RecordNotOpenedError, match="permission denied") as caught:
        open_engine(guest.render_as_string(hide_password=False), 10.0)
    assert "secret" not in str(caught.value)
    databases.run(f"DROP ROLE {role}")
