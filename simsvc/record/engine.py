"""Opening the database, and its failures in the words of the domain."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from simsvc.domain.errors import UnavailableError
from simsvc.record.backend import Backend, RecordNotOpenedError, attach, backend_of
from simsvc.record.postgres import PostgresBackend
from simsvc.record.sqlite import SqliteBackend


def open_engine(url: str, busy: float) -> Engine:
    """Connect to the record and bring its schema up to date; wait `busy` seconds for locks."""
    backend = _backend(url, busy)
    engine = attach(backend.make_engine(), backend)
    try:
        with opening(engine):
            migrate(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def open_unmigrated(url: str, busy: float) -> Engine:
    """Connect to the record as it is."""
    backend = _backend(url, busy)
    return attach(backend.make_engine(), backend)


def open_present(url: str, busy: float) -> Engine:
    """Connect to a record that is there and has this version's schema, and change neither.

    RecordNotOpenedError otherwise.
    """
    backend = _backend(url, busy)
    if not backend.is_there():
        # Connecting would make an empty file.
        raise RecordNotOpenedError("the record's file is not there")
    engine = attach(backend.make_engine(), backend)
    try:
        with opening(engine), engine.connect() as connection:
            found = MigrationContext.configure(connection).get_current_revision()
        wanted = ScriptDirectory.from_config(_alembic()).get_current_head()
        if found != wanted:
            raise RecordNotOpenedError(
                f"the record has the schema {found}, and this version of simsvc {wanted}"
            )
    except BaseException:
        engine.dispose()
        raise
    return engine


@contextmanager
def opening(engine: Engine) -> Iterator[None]:
    """Turn the database's failures into RecordNotOpenedError, for whoever starts the server."""
    try:
        yield
    except DBAPIError as error:
        if not backend_of(engine).is_unavailable(error):
            raise
        raise RecordNotOpenedError(f"the record cannot be opened: {error.orig}") from error


def migrate(engine: Engine) -> None:
    """Run the migrations that the database has not seen."""
    config = _alembic()
    with backend_of(engine).changing_schema(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that is durable when it ends; UnavailableError if it cannot be."""
    backend = backend_of(engine)
    with _failing(backend, "written"), backend.transaction(engine) as connection:
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Open a connection whose statements all see one moment; UnavailableError if it fails."""
    with _failing(backend_of(engine), "read"), engine.connect() as connection:
        yield connection


@contextmanager
def _failing(backend: Backend, done: str) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        # All else is a mistake of ours, not of the database: it would fail again.
        if not backend.is_unavailable(error):
            raise
        raise UnavailableError(f"the record cannot be {done}: {backend.reason(error)}") from error
    except PoolTimeoutError as error:
        raise UnavailableError(f"the record cannot be {done}: no connection is free") from error


def _alembic() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def _backend(url: str, busy: float) -> Backend:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        # Its own message holds the URL, and that may hold a password.
        raise RecordNotOpenedError("the record's URL is not one of SQLAlchemy") from error
    name = parsed.get_backend_name()
    if name == "sqlite":
        return SqliteBackend(parsed, busy)
    if name == "postgresql":
        return PostgresBackend(parsed, busy)
    hint = ": write postgresql://" if name == "postgres" else ""
    raise RecordNotOpenedError(f"the record can lie in sqlite or postgresql, not in {name}{hint}")
