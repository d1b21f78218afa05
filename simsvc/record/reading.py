"""The record for batch jobs: opened by the generation that it holds, and never written.

No model is loaded for it, no file is made, and no migration is run: a server may use the record at
the same time, or be of another version.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import ColumnElement, Engine, event, func, make_url, select
from sqlalchemy.pool import ConnectionPoolEntry

from simsvc.domain.errors import SimsvcError
from simsvc.ports.embedder import ModelInfo
from simsvc.ports.record import ReplayBatch
from simsvc.record import tables
from simsvc.record.catalogue import SqlCatalogue
from simsvc.record.engine import open_unmigrated
from simsvc.record.open import record_url, text_codec
from simsvc.record.sql import SqlRecord
from simsvc.settings import Settings


class UnreadableRecordError(SimsvcError):
    """There is no record, it is of another version, or it does not say which vectors to read."""


@dataclass(frozen=True, slots=True)
class Window:
    """Prompts observed in [start, end) (µs, None: without bound), as seqs that enclose them all."""

    start: int | None
    end: int | None
    first_seq: int
    last_seq: int
    prompts: int


class RecordReader(SqlRecord):
    """A record that is only read. What would write raises UnavailableError."""

    @property
    def model(self) -> ModelInfo:
        """Return what its vectors are made with."""
        return self.generation.model

    def window(self, start: int | None, end: int | None) -> Window:
        """Return the window of the prompts observed in [start, end), in µs; 0 seqs if it is empty.

        Prompts that were recorded while another time was being observed lie between the seqs too.
        """
        p = tables.prompts.c
        bounds: list[ColumnElement[bool]] = []
        if start is not None:
            bounds.append(p.observed_at >= start)
        if end is not None:
            bounds.append(p.observed_at < end)
        query = select(func.min(p.seq), func.max(p.seq), func.count()).where(*bounds)
        with self._engine.connect() as connection:
            first, last, count = connection.execute(query).one()
        return Window(start, end, first or 0, last or 0, count)

    def replay_window(self, window: Window, batch: int) -> Iterator[ReplayBatch]:
        """Yield the prompts of a window by ascending seq, with vectors, at most `batch` at once."""
        if not window.prompts:
            return
        start = -np.inf if window.start is None else window.start
        end = np.inf if window.end is None else window.end
        for found in self.replay(window.first_seq - 1, window.last_seq, batch, with_vectors=True):
            times = found.rows["observed_at"]
            inside = np.flatnonzero((times >= start) & (times < end))
            if len(inside):
                yield ReplayBatch(
                    found.rows[inside],
                    [found.payload_hashes[i] for i in inside],
                    [found.traces[i] for i in inside],
                    found.vectors[inside],
                )


def open_for_reading(settings: Settings, generation: str = "") -> RecordReader:
    """Open the record of the settings, as the generation that answers or a named one sees it.

    UnreadableRecordError if there is no such thing.
    """
    url = record_url(settings)
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").is_file():
        raise UnreadableRecordError(f"there is no record at {parsed.database}")
    engine = open_unmigrated(url, settings.record_busy)
    if engine.name == "sqlite":
        event.listen(engine, "connect", _only_read)
    else:
        engine.update_execution_options(postgresql_readonly=True)
    try:
        _check_version(engine)
        catalogue = SqlCatalogue(engine)
        found = catalogue.generation(generation) if generation else catalogue.serving()
        if found is None:
            names = ", ".join(g.generation_id for g in catalogue.generations()) or "none"
            raise UnreadableRecordError(f"no such generation; the record holds {names}")
        return RecordReader(engine, found, text_codec(settings))
    except BaseException:
        engine.dispose()
        raise


def _only_read(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    connection.execute("PRAGMA query_only=ON")


def _check_version(engine: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    wanted = ScriptDirectory.from_config(config).get_current_head()
    with engine.connect() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    if found != wanted:
        raise UnreadableRecordError(
            f"the record has schema {found}, not {wanted}: use the version that its server has"
        )
