"""Opening the database, and its failures in the words of the domain."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from simsvc.domain.errors import UnavailableError


def open_engine(url: str, busy: float) -> Engine:
    """Connect to the record and bring its schema up to date; wait `busy` seconds for locks."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        raise ValueError(
            f"the record cannot lie in {parsed.get_backend_name()} yet, only in sqlite"
        )
    if not parsed.database or parsed.database == ":memory:":
        raise ValueError("the record needs a file: acknowledged means on disk")
    Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": busy}, hide_parameters=True)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin)
    migrate(engine)
    return engine


def migrate(engine: Engine) -> None:
    """Run the migrations that the database has not seen."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that is durable when it ends; UnavailableError if it cannot be."""
    try:
        with engine.begin() as connection:
            yield connection
    except IntegrityError:
        # A mistake of ours, not of the disk: the same write would fail again.
        raise
    except OperationalError as error:
        raise UnavailableError(f"the record cannot be written: {error.orig}") from error
    except DBAPIError as error:
        # A full disk and a read-only file come under other names from some drivers.
        if error.connection_invalidated or isinstance(error.orig, sqlite3.DatabaseError):
            raise UnavailableError(f"the record cannot be written: {error.orig}") from error
        raise


def _prepare_sqlite(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    # The driver's own BEGIN comes too late for a read and its write to be one transaction.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    # NORMAL may lose the last commits when the power fails: acknowledged means on disk.
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")
