"""The record in a SQLite file."""

from __future__ import annotations

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from simsvc.record.backend import RecordNotOpenedError
from simsvc.record.checkpoints import MOST_PAGES, Checkpoints

_WRITES = "simsvc_writes"


class SqliteBackend:
    """A file in write-ahead mode, and a lock file beside it for the server that writes."""

    def __init__(self, url: URL, busy: float) -> None:
        if not url.database or url.database == ":memory:":
            raise RecordNotOpenedError("the record needs a file: acknowledged means on disk")
        self._url = url
        self._busy = busy
        self._file = Path(url.database)
        self._lock: IO[bytes] | None = None
        self._checkpoints: Checkpoints | None = None

    def make_engine(self) -> Engine:
        """See `Backend.make_engine`."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(
            self._url, connect_args={"timeout": self._busy}, hide_parameters=True
        )
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
        return engine

    def is_there(self) -> bool:
        """See `Backend.is_there`."""
        return self._file.is_file()

    def changing_schema(self, engine: Engine) -> AbstractContextManager[Connection]:
        """See `Backend.changing_schema`."""
        return engine.begin()

    def claim(self, engine: Engine) -> None:
        """See `Backend.claim`."""
        # SQLite's own locks last for a transaction. This one ends with the process.
        lock = self._lock_file.open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.close()
            raise RecordNotOpenedError(f"another server writes to {self._file}") from error
        self._lock = lock
        self._checkpoints = Checkpoints(self._file, self._busy)

    def has_writer(self, engine: Engine) -> bool:
        """See `Backend.has_writer`."""
        if not self._lock_file.exists():
            return False
        with self._lock_file.open("rb") as lock:
            try:
                # Shared, so that two that ask at once do not take each other for a server, and
                # only for as long as it takes to close the file.
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    @property
    def _lock_file(self) -> Path:
        return self._file.with_name(f"{self._file.name}.lock")

    @contextmanager
    def transaction(self, engine: Engine) -> Iterator[Connection]:
        """See `Backend.transaction`."""
        with engine.execution_options(**{_WRITES: True}).begin() as connection:
            yield connection
        if self._checkpoints is not None:
            self._checkpoints.note()

    def is_unavailable(self, error: DBAPIError) -> bool:
        """See `Backend.is_unavailable`."""
        if isinstance(error, IntegrityError):
            return False
        # A full disk and a read-only file come under other names from some drivers.
        return (
            isinstance(error, OperationalError)
            or error.connection_invalidated
            or isinstance(error.orig, sqlite3.DatabaseError)
        )

    def reason(self, error: DBAPIError) -> str:
        """See `Backend.reason`."""
        return str(error.orig)

    def release(self) -> None:
        """See `Backend.release`."""
        if self._checkpoints is not None:
            self._checkpoints.stop()
            self._checkpoints = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def _prepare(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    # The driver's own BEGIN comes too late for a read and its write to be one transaction.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    # NORMAL may lose the last commits when the power fails: acknowledged means on disk.
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute(f"PRAGMA wal_autocheckpoint={MOST_PAGES}")
    cursor.close()


def _begin(connection: Connection) -> None:
    # One that reads and then writes would fail at once, without waiting, if somebody else wrote in
    # between: it must have the lock from its beginning.
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
