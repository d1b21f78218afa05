"""The record in a PostgreSQL database."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Connection, Engine, bindparam, create_engine, event, func, select
from sqlalchemy import text as sql
from sqlalchemy.exc import DBAPIError, InterfaceError, InternalError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from simsvc.domain.errors import UnavailableError
from simsvc.record.backend import RecordNotOpenedError, WriterLostError
from simsvc.record.tables import counters

_DRIVER = "postgresql+psycopg"
_EPOCH = "writer"
# Advisory locks are numbers that a database's users agree on. Each schema may hold a record.
_SCHEMA_LOCK, _WRITER_LOCK = 1_936_289_123, 1_936_289_124
_OURS = func.hashtext(func.current_schema())
_XID = sql("SELECT pg_current_xact_id_if_assigned()::text")
_FATE = sql("SELECT pg_xact_status(CAST(:xid AS text)::xid8)").bindparams(bindparam("xid"))
# A lock's two numbers are shown unsigned there.
_HOLDERS = sql(
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2 "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND classid = CAST(:lock AS oid) "
    "AND objid = CAST(CAST(hashtext(current_schema()) AS bigint) & 4294967295 AS oid)"
)
_NO_PRIVILEGE, _FAILED_BEFORE, _LOCK_NOT_AVAILABLE = "42501", "25P02", "55P03"


class PostgresBackend:
    """A pool for readers and jobs, and the one connection that a claimed writer writes on.

    The writer's lock belongs to that connection. A writer that lost it takes it again, and goes on
    only if nobody else held it meanwhile: each claim raises the epoch in `counters`.
    """

    def __init__(self, url: URL, busy: float) -> None:
        if url.drivername not in {"postgresql", _DRIVER}:
            raise RecordNotOpenedError(f"the record is reached by {_DRIVER}, not {url.drivername}")
        self._url = url.set(drivername=_DRIVER)
        self._busy = busy
        self._held: Connection | None = None
        self._epoch = 0
        # The transaction whose commit was sent and not answered.
        self._doubtful = ""

    def make_engine(self) -> Engine:
        """See `Backend.make_engine`."""
        try:
            engine = create_engine(
                self._url,
                connect_args=self._connect_args(),
                # As in SQLite, all statements of a reader see one moment.
                isolation_level="REPEATABLE READ",
                pool_pre_ping=True,
                hide_parameters=True,
            )
            _check_options(self._url.query)
        except ModuleNotFoundError as error:
            raise RecordNotOpenedError(
                "a record in postgresql needs psycopg: install simsvc[postgresql]"
            ) from error
        event.listen(engine, "connect", self._prepare)
        return engine

    def is_there(self) -> bool:
        """See `Backend.is_there`. A server answers or does not: connecting tells."""
        return True

    @contextmanager
    def changing_schema(self, engine: Engine) -> Iterator[Connection]:
        """See `Backend.changing_schema`."""
        # A snapshot that was taken before the lock would not show what its holder did.
        with engine.execution_options(isolation_level="READ COMMITTED").begin() as connection:
            _check_encoding(connection)
            connection.execute(select(func.pg_advisory_xact_lock(_SCHEMA_LOCK, _OURS)))
            yield connection

    def claim(self, engine: Engine) -> None:
        """See `Backend.claim`."""
        try:
            held = self._lock(engine)
            with held.begin():
                self._epoch = _raise_epoch(held)
        except DBAPIError as error:
            if not self.is_unavailable(error):
                raise
            if getattr(error.orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
                raise RecordNotOpenedError(
                    f"another server writes to the database {self._url.database}"
                ) from error
            raise RecordNotOpenedError(f"the record cannot be opened: {error.orig}") from error
        self._held = held

    def has_writer(self, engine: Engine) -> bool:
        """See `Backend.has_writer`."""
        with engine.connect() as connection:
            held = connection.execute(_HOLDERS, {"lock": _WRITER_LOCK})
            return bool(held.scalar())

    @contextmanager
    def transaction(self, engine: Engine) -> Iterator[Connection]:
        """See `Backend.transaction`."""
        if not self._epoch:
            # Batch jobs share the record by conditions in their statements, which must see what
            # others have just written.
            with engine.execution_options(isolation_level="READ COMMITTED").begin() as connection:
                yield connection
            return
        with self._connection(engine) as connection, connection.begin():
            self._settle(connection)
            yield connection
            self._doubtful = connection.execute(_XID).scalar() or ""
        self._doubtful = ""

    def is_unavailable(self, error: DBAPIError) -> bool:
        """See `Backend.is_unavailable`."""
        state = getattr(error.orig, "sqlstate", None)
        # A server that is read-only after a failover is an InternalError to the driver.
        failed = isinstance(error, OperationalError | InterfaceError | InternalError)
        return error.connection_invalidated or (
            (failed and state != _FAILED_BEFORE) or state == _NO_PRIVILEGE
        )

    def reason(self, error: DBAPIError) -> str:
        """See `Backend.reason`."""
        # What the driver itself says names the server's address and user.
        told = getattr(getattr(error.orig, "diag", None), "message_primary", None)
        return told or "no connection to the database"

    def release(self) -> None:
        """See `Backend.release`."""
        self._epoch = 0
        self._drop()

    def _connect_args(self) -> dict[str, Any]:
        """Return how to connect, as far as the URL does not say so itself."""
        seconds = max(1, math.ceil(self._busy))
        wanted = {
            "connect_timeout": seconds,
            # A host that is gone says nothing: without these it is noticed in a quarter of an hour.
            "tcp_user_timeout": seconds * 1000,
            "keepalives_idle": 5,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "application_name": "simsvc",
        }
        said = {name: value for name, value in wanted.items() if name not in self._url.query}
        return said | {"client_encoding": "utf8"}

    def _prepare(self, connection: Any, _entry: ConnectionPoolEntry) -> None:
        settings = {
            # The database may say otherwise: acknowledged means on disk.
            "synchronous_commit": "on",
            # 0 would be to wait forever.
            "lock_timeout": str(max(1, round(self._busy * 1000))),
        }
        for setting in settings.items():
            connection.execute("SELECT set_config(%s, %s, false)", setting)
        connection.commit()

    @contextmanager
    def _connection(self, engine: Engine) -> Iterator[Connection]:
        held = self._held_connection(engine)
        try:
            yield held
        finally:
            if held.invalidated:
                self._drop()

    def _held_connection(self, engine: Engine) -> Connection:
        """Return the connection with the writer's lock, a new one if the former is gone."""
        if self._held is not None and not _answers(self._held):
            self._drop()
        if self._held is None:
            held = self._lock(engine)
            with held.begin():
                found = held.execute(_epoch_query()).scalar()
            if found != self._epoch:
                held.invalidate()
                held.close()
                raise WriterLostError("another server has written to the record meanwhile")
            self._held = held
        return self._held

    def _lock(self, engine: Engine) -> Connection:
        """Return a connection that holds the writer's lock until it ends."""
        connection = engine.connect()
        try:
            with connection.begin():
                connection.execute(select(func.pg_advisory_lock(_WRITER_LOCK, _OURS)))
        except BaseException:
            connection.invalidate()
            connection.close()
            raise
        return connection

    def _drop(self) -> None:
        if self._held is not None:
            # Back in the pool it would still hold the lock.
            self._held.invalidate()
            self._held.close()
            self._held = None

    def _settle(self, connection: Connection) -> None:
        """Find out what became of a commit whose answer was lost.

        Its prompts were not acknowledged and are not in memory: if they are in the record, only a
        replay brings the two together.
        """
        if not self._doubtful:
            return
        fate = connection.execute(_FATE, {"xid": self._doubtful}).scalar()
        if fate == "in progress":
            raise UnavailableError("the record cannot be written: a commit is under way")
        if fate != "aborted":
            raise WriterLostError("the record took a commit whose answer was lost")
        self._doubtful = ""


def _answers(connection: Connection) -> bool:
    driver = connection.dialect.loaded_dbapi
    try:
        connection.dialect.do_ping(connection.connection.dbapi_connection)  # type: ignore[arg-type]
    except driver.Error:
        return False
    return True


def _epoch_query() -> Any:
    return select(counters.c.value).where(counters.c.name == _EPOCH)


def _raise_epoch(connection: Connection) -> int:
    epoch = int(connection.execute(_epoch_query()).scalar() or 0) + 1
    if epoch == 1:
        connection.execute(counters.insert().values(name=_EPOCH, value=epoch))
    else:
        connection.execute(counters.update().where(counters.c.name == _EPOCH).values(value=epoch))
    return epoch


def _check_encoding(connection: Connection) -> None:
    encoding = connection.exec_driver_sql("SHOW server_encoding").scalar()
    if encoding != "UTF8":
        raise RecordNotOpenedError(f"the record needs a database in UTF8, not in {encoding}")


def _check_options(names: Iterable[str]) -> None:
    """Raise RecordNotOpenedError for an option that no connection knows."""
    # An extra, as SQLAlchemy has found out by now.
    from psycopg import ProgrammingError  # noqa: PLC0415
    from psycopg.conninfo import make_conninfo  # noqa: PLC0415

    try:
        make_conninfo(**dict.fromkeys(names, ""))
    except ProgrammingError as error:
        raise RecordNotOpenedError(f"the record's URL: {str(error).strip()}") from error
