"""The records that the contract suites run over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from simsvc.ports.record import Record
from simsvc.record.sql import SqlRecord
from tests.contract.indexes import one_core
from tests.contract.support import open_sql
from tests.fakes.record import MemoryRecord


@pytest.fixture(autouse=True, scope="package")
def _one_core() -> Iterator[None]:
    with one_core():
        yield


@pytest.fixture(params=["memory", "sqlite"])
def record(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Record]:
    """Each kind of record, empty."""
    made = MemoryRecord() if request.param == "memory" else open_sql(tmp_path)
    yield made
    made.close()


@pytest.fixture(params=["memory", "plain", "encrypted"])
def text_record(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Record]:
    """Each kind of record that can show texts, empty."""
    made = MemoryRecord() if request.param == "memory" else open_sql(tmp_path, request.param)
    yield made
    made.close()


@pytest.fixture
def sqlite_record(tmp_path: Path) -> Iterator[SqlRecord]:
    """The SQLite record, empty."""
    made = open_sql(tmp_path)
    yield made
    made.close()
