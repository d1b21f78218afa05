"""The record for batch jobs: opened by the generation that it holds, and never written.

No model is loaded for it, no file is made, and no migration is run: a server may use the record at
the same time, or be of another version.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import ColumnElement, Engine, Row, create_engine, event, func, make_url, select
from sqlalchemy.pool import ConnectionPoolEntry

from simsvc.domain.errors import SimsvcError
from simsvc.ports.embedder import ModelInfo
from simsvc.ports.record import ReplayBatch
from simsvc.record import tables
from simsvc.record.open import text_codec
from simsvc.record.sql import SqlRecord
from simsvc.record.text import TextCodec
from simsvc.settings import Settings

_MODEL = ("model", "sha256", "dimension", "window_tokens", "max_windows", "dtype", "lexical")


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

    def __init__(self, engine: Engine, generation: str, model: ModelInfo, codec: TextCodec) -> None:
        super().__init__(engine, generation, codec)
        self.generation = generation
        self.model = model

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
    """Open the record of the settings; UnreadableRecordError.

    A generation must be named only where the record holds vectors of several.
    """
    url = settings.record_url or f"sqlite:///{settings.data_dir / 'record.db'}"
    engine = _reading_engine(url, settings.record_busy)
    try:
        _check_version(engine)
        row = _generation(engine, generation)
        model = ModelInfo(**{name: getattr(row, name) for name in _MODEL})
        return RecordReader(engine, row.generation_id, model, text_codec(settings))
    except BaseException:
        engine.dispose()
        raise


def _reading_engine(url: str, busy: float) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        raise UnreadableRecordError(f"a record in {parsed.get_backend_name()} cannot be read yet")
    if not parsed.database or not Path(parsed.database).is_file():
        raise UnreadableRecordError(f"there is no record at {parsed.database}")
    engine = create_engine(url, connect_args={"timeout": busy}, hide_parameters=True)
    event.listen(engine, "connect", _only_read)
    return engine


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


def _generation(engine: Engine, wanted: str) -> Row[Any]:
    table, used = tables.generations, tables.vectors.c.generation_id
    with engine.connect() as connection:
        known = connection.execute(select(table)).all()
        # A look at the primary key for each: to tell all apart would read the whole table.
        held = [
            row
            for row in known
            if connection.execute(select(used).where(used == row.generation_id).limit(1)).first()
        ]
    named = [row for row in held or known if not wanted or row.generation_id == wanted]
    if len(named) != 1:
        names = ", ".join(row.generation_id for row in held or known) or "none"
        raise UnreadableRecordError(f"name a generation; the record holds {names}")
    return named[0]
