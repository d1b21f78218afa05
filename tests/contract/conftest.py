"""The records that the contract suites run over."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from simsvc.ports.record import Record
from simsvc.record.sql import SqlRecord
from tests.contract.indexes import one_core
from tests.contract.support import Place, open_sql, sqlite_in
from tests.fakes.record import MemoryRecord


@pytest.fixture(autouse=True, scope="package")
def _one_core() -> Iterator[None]:
    with one_core():
        yield


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Each database that a record may lie in, empty."""
    return _place(request, request.param, tmp_path)


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def record(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Record]:
    """Each kind of record, empty."""
    made: Record = MemoryRecord()
    if request.param != "memory":
        made = _place(request, request.param, tmp_path).open()
    yield made
    made.close()


@pytest.fixture(
    params=["memory", *product(["sqlite", "postgresql"], ["plain", "encrypted"])],
    ids=lambda param: param if isinstance(param, str) else "-".join(param),
)
def text_record(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Record]:
    """Each kind of record that can show texts, empty."""
    made: Record = MemoryRecord()
    if request.param != "memory":
        kind, codec = request.param
        made = _place(request, kind, tmp_path).open(codec)
    yield made
    made.close()


@pytest.fixture
def sql_record(place: Place) -> Iterator[SqlRecord]:
    """The record in each database, empty."""
    made = place.open()
    yield made
    made.close()


@pytest.fixture
def sqlite_record(tmp_path: Path) -> Iterator[SqlRecord]:
    """The SQLite record, empty."""
    made = open_sql(tmp_path)
    yield made
    made.close()


def _place(request: pytest.FixtureRequest, kind: str, folder: Path) -> Place:
    if kind == "sqlite":
        return sqlite_in(folder)
    return Place(request.getfixturevalue("postgres_url"))
