"""Fixtures that several suites share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import grpc
import pytest

from tests.postgres import Databases, a_server
from tests.process import ServerProcess

# As `simsvc serve` does, before anything loads torch.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    """Let others read, whatever a command that ran in this process has set: tests ask for it."""
    os.umask(0o022)
    yield
    os.umask(0o022)


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real server with default settings, for tests that do not mind each other's prompts."""
    with ServerProcess(tmp_path_factory.mktemp("shared-server")) as server:
        yield server.address()
        assert server.terminate() == 0


@pytest.fixture(scope="session")
def channel(address: str) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(address) as channel:
        yield channel


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    """A PostgreSQL server to make databases in."""
    with a_server() as server:
        made = Databases(server)
        yield made
        made.close()


@pytest.fixture
def postgres_url(databases: Databases) -> Iterator[str]:
    """The URL of an empty record in PostgreSQL."""
    url = databases.make()
    yield url
    databases.drop(url)
