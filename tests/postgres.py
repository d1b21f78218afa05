"""A PostgreSQL server for the tests, and a fresh database in it for each test that asks."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import URL, create_engine, make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from simsvc.record.engine import open_engine

SERVER_VARIABLE = "SIMSVC_TEST_POSTGRES"
_USERS = ("root", "postgres")
_BINARIES = Path("/usr/lib/postgresql")
_UNIX_USER = "postgres"


class Databases:
    """Copies of a database that has the schema. Dropped when they are given back."""

    def __init__(self, server: URL) -> None:
        self.server = server
        self._admin = create_engine(server, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        self._template = f"simsvc_test_{uuid.uuid4().hex[:12]}"
        self._made = 0
        self._migrated = False

    def make(self) -> str:
        """Return the URL of a new record, with its schema up to date."""
        if not self._migrated:
            self._migrated = True
            self.run(f"CREATE DATABASE {self._template} TEMPLATE template0 ENCODING 'UTF8'")
            open_engine(self.url(self._template), 10.0).dispose()
        return self._copy(self._template)

    def make_empty(self) -> str:
        """Return the URL of a new database that has no schema."""
        return self._copy("template0")

    def drop(self, url: str) -> None:
        """Delete a database, whoever is connected."""
        self.run(f"DROP DATABASE IF EXISTS {make_url(url).database} WITH (FORCE)")

    def close(self) -> None:
        """Delete the database that the others are copied from, and copies not given back."""
        for number in range(1, self._made + 1):
            self.drop(self.url(f"{self._template}_{number}"))
        self.drop(self.url(self._template))
        self._admin.dispose()

    def run(self, statement: str) -> None:
        """Run a statement in the server's own database."""
        with self._admin.connect() as connection:
            connection.exec_driver_sql(statement)

    def url(self, database: str) -> str:
        """Return the URL of a database."""
        return self.server.set(database=database).render_as_string(hide_password=False)

    def _copy(self, template: str) -> str:
        self._made += 1
        name = f"{self._template}_{self._made}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template} ENCODING 'UTF8'")
        return self.url(name)


@contextmanager
def a_server() -> Iterator[URL]:
    """Find a server, or start one; skip the test where neither is to be had.

    The one that the environment names must answer: a build that names it means to test it.
    """
    named = os.environ.get(SERVER_VARIABLE)
    if named:
        yield make_url(named).set(drivername="postgresql+psycopg")
        return
    for user in _USERS:
        url = URL.create("postgresql+psycopg", user, None, "127.0.0.1", 5432, "postgres")
        if _may_make_databases(url):
            yield url
            return
    with own_server() as server:
        yield server.url


@contextmanager
def own_server() -> Iterator[OwnServer]:
    """Start a server that a test may stop; skip the test where there is no PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="simsvc-postgres-") as folder:
        server = OwnServer(Path(folder))
        server.make()
        server.start()
        try:
            yield server
        finally:
            server.stop("fast")


class OwnServer:
    """A server of Debian's binaries, reached by a socket in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._data = folder / "data"

    @property
    def url(self) -> URL:
        """Return the URL of the server's own database."""
        query = {"host": str(self._folder)}
        return URL.create("postgresql+psycopg", _UNIX_USER, database="postgres", query=query)

    def make(self) -> None:
        """Make its files."""
        binaries = sorted(_BINARIES.glob("*/bin/postgres"))
        if not binaries:
            pytest.skip(
                f"no PostgreSQL: {SERVER_VARIABLE} names no server, none answers on "
                f"127.0.0.1:5432 and {_BINARIES} has none"
            )
        self._bin = binaries[-1].parent
        if os.getuid() == 0:
            shutil.chown(self._folder, _UNIX_USER)
        self._run("initdb", "-D", str(self._data), "-U", _UNIX_USER, "-A", "trust", "-E", "UTF8")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        # Only the socket: no port that another may have.
        options = f"-c listen_addresses= -c unix_socket_directories={self._folder}"
        log = str(self._folder / "log")
        self._run("pg_ctl", "-D", str(self._data), "-l", log, "-o", options, "-w", "start")

    def stop(self, how: str) -> None:
        """Stop it, if it runs: "fast", or "immediate" as a crash would."""
        if not (self._data / "postmaster.pid").exists():
            return
        self._run("pg_ctl", "-D", str(self._data), "-m", how, "-w", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._bin / program), *arguments]
        if os.getuid() == 0:
            # PostgreSQL does not run as root. `subprocess` would change the user in a real fork,
            # in which gRPC's handlers waited for ever once, beside a channel that reconnected.
            as_user = (f"--reuid={_UNIX_USER}", f"--regid={_UNIX_USER}", "--clear-groups")
            command = ["setpriv", *as_user, *command]
        done = subprocess.run(
            command, cwd=self._folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


def _may_make_databases(url: URL) -> bool:
    engine = create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": 2})
    query = "SELECT rolsuper OR rolcreatedb FROM pg_roles WHERE rolname = current_user"
    try:
        with engine.connect() as connection:
            return bool(connection.exec_driver_sql(query).scalar())
    except OperationalError:
        return False
