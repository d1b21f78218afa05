"""What differs between the databases that a record may lie in."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from simsvc.domain.errors import SimsvcError

_OPTION = "simsvc_backend"


class RecordNotOpenedError(SimsvcError):
    """The record cannot be opened as the settings say, or another server writes to it."""


class WriterLostError(Exception):
    """Memory may not match the record any more: the process must end, the next one replays."""


class Backend(Protocol):
    """One database: its connections, its transactions, its locks and its failures."""

    def make_engine(self) -> Engine:
        """Return an engine whose connections are durable. RecordNotOpenedError if it cannot be."""
        ...

    def is_there(self) -> bool:
        """Say whether there is something to connect to, where that can be told beforehand."""
        ...

    def changing_schema(self, engine: Engine) -> AbstractContextManager[Connection]:
        """Open a transaction that no other process opens at the same time."""
        ...

    def claim(self, engine: Engine) -> None:
        """Become the one server that writes. RecordNotOpenedError if there is another."""
        ...

    def has_writer(self, engine: Engine) -> bool:
        """Return whether a server writes to the record at this moment, without disturbing it."""
        ...

    def transaction(self, engine: Engine) -> AbstractContextManager[Connection]:
        """Open a transaction that is durable when it ends."""
        ...

    def is_unavailable(self, error: DBAPIError) -> bool:
        """Say whether the database failed, and not what it was asked to do."""
        ...

    def reason(self, error: DBAPIError) -> str:
        """Say what failed in words that a caller of the service may read."""
        ...

    def release(self) -> None:
        """Let go of what `claim` took."""
        ...


def attach(engine: Engine, backend: Backend) -> Engine:
    """Note the backend of an engine in the engine."""
    engine.update_execution_options(**{_OPTION: backend})
    return engine


def backend_of(engine: Engine) -> Backend:
    """Return what `attach` noted."""
    backend: Backend = engine.get_execution_options()[_OPTION]
    return backend
