"""One export, from the record to a file."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from indexer.exporting.columns import Names, memberships_of, schema_of, table_of
from simsvc.ports.record import ReplayBatch
from simsvc.record.reading import RecordReader, Window

_BATCH = 512
_GROUP_ROWS = 8192
_GROUP_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Exported:
    """Prompts written, and those of them whose text the record could not show."""

    prompts: int
    without_text: int


def export(
    record: RecordReader,
    window: Window,
    out: Path,
    progress: Callable[[int], None],
    *,
    text: bool,
) -> Exported:
    """Write the prompts of a window, by seq; the file appears when it is whole. Raises OSError.

    `progress` is told how many more are written. The file is for its owner only.
    """
    schema = schema_of(record.model.dimension, record.generation.generation_id, text=text)
    # The file is made by mkstemp, so that nobody else can read it on the way.
    with tempfile.NamedTemporaryFile(dir=out.parent, prefix=f".{out.name}.", delete=False) as file:
        temporary = Path(file.name)
        try:
            writer = pq.ParquetWriter(file, schema, version="2.6", compression="zstd")
            done = _write(record, window, writer, schema, progress)
            file.flush()
            temporary.replace(out)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    return done


def _write(
    record: RecordReader,
    window: Window,
    writer: pq.ParquetWriter,
    schema: pa.Schema,
    progress: Callable[[int], None],
) -> Exported:
    campaigns = memberships_of(record.campaigns())
    written = hidden = 0
    group: list[pa.Table] = []
    with writer:
        for batch in record.replay_window(window, _BATCH):
            prompts = record.prompts(batch.rows["seq"].tolist())
            table = table_of(batch, prompts, _names(record, batch), campaigns, schema)
            hidden += sum(p.messages is None for p in prompts.values())
            written += table.num_rows
            group.append(table)
            if _is_full(group):
                writer.write_table(pa.concat_tables(group))
                group = []
            progress(table.num_rows)
        if group:
            writer.write_table(pa.concat_tables(group))
    return Exported(written, hidden)


def _is_full(group: list[pa.Table]) -> bool:
    rows, size = sum(t.num_rows for t in group), sum(t.nbytes for t in group)
    return bool(rows >= _GROUP_ROWS or size >= _GROUP_BYTES)


def _names(record: RecordReader, batch: ReplayBatch) -> Names:
    accounts = np.unique(batch.rows["account"]).tolist()
    organizations = np.unique(batch.rows["organization"]).tolist()
    return Names(record.account_names(accounts), record.organization_names(organizations))
