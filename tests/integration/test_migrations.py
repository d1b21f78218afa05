"""The migrations make the schema of `simsvc.record.tables`, and can be run again and undone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import simsvc.record
from simsvc.domain.campaign import Campaign, CampaignState, Member, extent_of
from simsvc.record.campaigns import CampaignStore
from simsvc.record.engine import migrate, open_engine
from simsvc.record.rows import campaign_body, member_values
from simsvc.record.tables import metadata
from simsvc.record.text import PlainText
from tests.contract.support import fill, open_sql
from tests.fakes.prompts import NOW

MIGRATIONS = Path(simsvc.record.__file__).parent / "migrations"
VERSIONS = "alembic_version"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    """A database that all migrations were run on."""
    made = open_engine(f"sqlite:///{tmp_path / 'record.db'}", 10.0)
    yield made
    made.dispose()


def configuration(connection: sa.Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def facts(connection: sa.Connection) -> dict[str, Any]:
    """Return all that SQLite knows of each table, in an order of its own."""
    names = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'table'")
    found: dict[str, Any] = {}
    for name, sql in names.all():
        if name.startswith("sqlite_") or name == VERSIONS:
            continue
        indexes = connection.exec_driver_sql(f"PRAGMA index_list({name})").all()
        found[name] = {
            "columns": rows_of(connection, f"table_info({name})"),
            "foreign keys": rows_of(connection, f"foreign_key_list({name})"),
            "indexes": sorted(
                (i.name, i.unique, i.origin, rows_of(connection, f"index_info({i.name})"))
                for i in indexes
            ),
            "numbered": "AUTOINCREMENT" in sql.upper(),
            "constraints": sorted(w for w in sql.split() if w.startswith(("pk_", "uq_", "fk_"))),
        }
    return found


def rows_of(connection: sa.Connection, pragma: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in connection.exec_driver_sql(f"PRAGMA {pragma}")]


def state(connection: sa.Connection) -> list[Any]:
    """Return the schema as it was written, and how often it was changed."""
    master = connection.exec_driver_sql("SELECT type, name, sql FROM sqlite_master ORDER BY name")
    changes = connection.exec_driver_sql("PRAGMA schema_version").scalar()
    return [*map(tuple, master), changes]


def test_alembic_finds_no_difference(engine: sa.Engine) -> None:
    # It takes the default '' for another than "": the next test but one compares defaults.
    options = {"compare_type": True, "render_as_batch": True}
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []


def test_a_difference_would_be_found(engine: sa.Engine) -> None:
    other = sa.MetaData()
    for table in metadata.tables.values():
        table.to_metadata(other)
    other.tables["prompts"].append_column(sa.Column("more", sa.Integer))
    other.remove(other.tables["audit"])
    with engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection), other)
    assert {"add_column", "remove_table"} <= {difference[0] for difference in found}


def test_the_tables_are_those_that_the_metadata_would_make(engine: sa.Engine) -> None:
    fresh = sa.create_engine("sqlite://")
    with fresh.begin() as connection:
        metadata.create_all(connection)
        expected = facts(connection)
    with engine.connect() as connection:
        assert facts(connection) == expected
    assert expected.keys() == metadata.tables.keys()
    fresh.dispose()


def test_there_is_one_line_of_migrations() -> None:
    script = ScriptDirectory.from_config(configuration())
    assert len(script.get_heads()) == 1
    assert len(script.get_bases()) == 1


def test_an_up_to_date_database_is_left_alone(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        before = state(connection)
    migrate(engine)
    migrate(engine)
    with engine.connect() as connection:
        assert state(connection) == before


def test_opening_again_changes_neither_schema_nor_rows(tmp_path: Path) -> None:
    record = open_sql(tmp_path)
    written = fill(record, ["a", "b"])
    with record._engine.connect() as connection:
        before = state(connection)
    record.close()
    again = open_sql(tmp_path)
    with again._engine.connect() as connection:
        assert state(connection) == before
    assert again.prompts([1, 2]).keys() == {p.outcome.seq for p in written}
    again.close()


def test_an_empty_file_gets_the_schema(tmp_path: Path) -> None:
    (tmp_path / "record.db").touch()
    record = open_sql(tmp_path)
    assert fill(record, ["a"])[0].outcome.seq == 1
    with record._engine.connect() as connection:
        assert facts(connection).keys() == metadata.tables.keys()
    record.close()


def test_all_can_be_undone_and_done_again(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        before = facts(connection)
    with engine.begin() as connection:
        command.downgrade(configuration(connection), "base")
    with engine.connect() as connection:
        assert facts(connection) == {}
        assert (
            connection.execute(sa.select(sa.table(VERSIONS, sa.column("version_num")))).all() == []
        )
    migrate(engine)
    with engine.connect() as connection:
        assert facts(connection) == before


def test_a_migration_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    """The schema is made in one transaction: a crash must not leave half of it."""
    engine = open_engine(f"sqlite:///{tmp_path / 'record.db'}", 10.0)
    with engine.begin() as connection:
        command.downgrade(configuration(connection), "base")
        connection.exec_driver_sql("CREATE TABLE organization_hashes (a)")
    with pytest.raises(sa.exc.OperationalError, match="already exists"):
        migrate(engine)
    with engine.connect() as connection:
        assert facts(connection).keys() == {"organization_hashes"}
    engine.dispose()


def test_campaigns_of_the_version_before_are_read(engine: sa.Engine) -> None:
    """A default that SQLite takes for a text is no bytes: the server did not start any more."""
    member = Member(1, 1, NOW, NOW, 3)
    campaign = Campaign(
        "cmp_1", CampaignState.OPEN, NOW, NOW, (1,), (), extent_of([member]), {1: member}
    )
    with engine.begin() as connection:
        command.downgrade(configuration(connection), "0003")
        row = {"campaign_id": "cmp_1", "state": 1, "updated_at": NOW}
        names = (*row, "body")
        campaigns = sa.table("campaigns", *map(sa.column, names))
        connection.execute(sa.insert(campaigns).values(row | {"body": campaign_body(campaign)}))
        members = sa.table("campaign_members", *map(sa.column, member_values("cmp_1", member)))
        connection.execute(sa.insert(members).values(member_values("cmp_1", member)))
    migrate(engine)
    assert CampaignStore(engine, "gen", PlainText({})).campaigns() == [campaign]
