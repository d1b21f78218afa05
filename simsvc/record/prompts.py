"""Prompts and their vectors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, Engine, Row, Select, and_, func, insert, select, update

from simsvc.domain.chunks import chunks
from simsvc.ports.embedder import Embedding
from simsvc.ports.index import ROW_DTYPE
from simsvc.ports.record import (
    PURGED,
    AccountFacts,
    Answered,
    NewPrompt,
    PromptKeys,
    RecordedPrompt,
    ReplayBatch,
)
from simsvc.record import tables
from simsvc.record.asked import ASKED, GENERATION, NEW_PROMPT, NEW_VECTOR, WANTED, WINDOWS, embedded
from simsvc.record.engine import reading, writing
from simsvc.record.purging import delete_prompts, oldest
from simsvc.record.rows import (
    embedding_of,
    embedding_values,
    outcome_of,
    prompt_values,
    recorded_of,
    traces_of,
    vector_of,
)
from simsvc.record.store import PARAMETERS, Store
from simsvc.record.text import TextCodec

_RECENT = 20
_SEQ = "seq"
_TRACE = ("frame", "origin", "shingles", "framed", "prefix_hash", "state_hash")


@dataclass(slots=True)
class _Seqs:
    """The next seq; the generations of a record share it."""

    next: int


class PromptStore(Store):
    """The part of the record that holds prompts."""

    def __init__(self, engine: Engine, generation_id: str, codec: TextCodec) -> None:
        super().__init__(engine, generation_id, codec)
        self._seqs = _Seqs(self.highest_seq() + 1)

    def allot(self, count: int) -> int:
        """See `Record.allot`."""
        first = self._seqs.next
        self._seqs.next += count
        return first

    def append(self, prompts: Sequence[NewPrompt]) -> None:
        """See `Record.append`."""
        rows = [prompt_values(p, self._codec) for p in prompts]
        vectors = [
            embedding_values(p.outcome.seq, embedding, generation)
            for p in prompts
            for generation, embedding in ((self._generation_id, p.embedding), *p.others.items())
        ]
        with writing(self._engine) as connection:
            connection.execute(NEW_PROMPT, rows)
            connection.execute(NEW_VECTOR, vectors)

    def answered(self, request_ids: Sequence[str]) -> dict[str, Answered]:
        """See `Record.answered`."""
        found: dict[str, Answered] = {}
        with reading(self._engine) as connection:
            for chunk in chunks(request_ids, PARAMETERS):
                rows = {row.seq: row for row in connection.execute(ASKED, {WANTED: chunk})}
                if not rows:
                    continue
                wanted = {GENERATION: self._generation_id, WANTED: [*rows]}
                for made in connection.execute(WINDOWS, wanted):
                    row = rows[made.seq]
                    found[row.request_id] = Answered(row.digest, outcome_of(row, made))
        return found

    def embeddings(self, payload_hashes: Sequence[bytes]) -> dict[bytes, Embedding]:
        """See `Record.embeddings`."""
        found: dict[bytes, Embedding] = {}
        with reading(self._engine) as connection:
            for query, wanted in embedded(self._generation_id, payload_hashes):
                for row in connection.execute(query, wanted):
                    found[row.payload_hash] = embedding_of(row)
        return found

    def keys(self, after: int, up_to: int, limit: int) -> list[PromptKeys]:
        """See `Record.keys`."""
        p = tables.prompts.c
        query = select(*(p[name] for name in PromptKeys._fields))
        page = query.where(p.seq > after, p.seq <= up_to).order_by(p.seq).limit(limit)
        with reading(self._engine) as connection:
            return [PromptKeys(*row) for row in connection.execute(page)]

    def prompts(self, seqs: Sequence[int]) -> dict[int, RecordedPrompt]:
        """See `Record.prompts`."""
        v = tables.vectors.c
        query = self._joined(select(tables.prompts, v.tokens, v.windows, v.capped))
        found: dict[int, RecordedPrompt] = {}
        with reading(self._engine) as connection:
            for chunk in chunks(seqs, PARAMETERS):
                for row in connection.execute(query.where(tables.prompts.c.seq.in_(chunk))):
                    found[row.seq] = recorded_of(row, self._codec)
        return found

    def vector(self, seq: int) -> npt.NDArray[np.float32] | None:
        """See `Record.vector`."""
        v = tables.vectors.c
        query = select(v.vector).where(v.generation_id == self._generation_id, v.seq == seq)
        with reading(self._engine) as connection:
            data = connection.execute(query).scalar_one_or_none()
        return None if data is None else vector_of(data)

    def replay(
        self, after: int, up_to: int, batch: int, *, with_vectors: bool
    ) -> Iterator[ReplayBatch]:
        """See `Record.replay`."""
        p = tables.prompts.c
        f, v = tables.families.c, tables.vectors.c
        placed = and_(f.seq == p.seq, f.generation_id == self._generation_id)
        source = tables.prompts.outerjoin(tables.families, placed)
        columns: list[Any] = [p[name] for name in (ROW_DTYPE.names or ())[:-1]]
        # The last column of a row: where a prompt came when another generation answered, this
        # one has placed it later.
        columns += [func.coalesce(f.family, p.family), p.payload_hash]
        query: Select[Any] = select(*columns, *(p[name] for name in _TRACE))
        if with_vectors:
            on = and_(v.seq == p.seq, v.generation_id == self._generation_id)
            source, query = source.join(tables.vectors, on), query.add_columns(v.vector)
        query = query.select_from(source)
        # SQLite begins with the vectors, and by the prompts' seq it would sort all that is left
        # for each page.
        seq = v.seq if with_vectors else p.seq
        while True:
            page = query.where(seq > after, seq <= up_to).order_by(seq).limit(batch)
            with reading(self._engine) as connection:
                rows = connection.execute(page).all()
            if not rows:
                return
            yield _replay_batch(rows, with_vectors)
            after = rows[-1].seq

    def last_seq(self) -> int:
        """See `Record.last_seq`."""
        with reading(self._engine) as connection:
            return connection.execute(select(func.max(tables.prompts.c.seq))).scalar() or 0

    def highest_seq(self) -> int:
        """See `Record.highest_seq`."""
        query = select(tables.counters.c.value).where(tables.counters.c.name == _SEQ)
        with reading(self._engine) as connection:
            noted = connection.execute(query).scalar_one_or_none() or 0
        return max(noted, self.last_seq())

    def mark(self, seq: int) -> str:
        """See `Record.mark`."""
        p = tables.prompts.c
        # The same prompts may be sent again to a restored record, but not at the same µs.
        query = select(p.digest, p.received_at).where(p.seq == seq)
        with reading(self._engine) as connection:
            row = connection.execute(query).one_or_none()
        return "" if row is None else f"{bytes(row.digest).hex()}-{row.received_at:x}"

    def account_facts(self, account: int) -> AccountFacts | None:
        """See `Record.account_facts`."""
        p = tables.prompts.c
        mine = p.account == account
        counts = select(
            func.min(p.observed_at),
            func.max(p.observed_at),
            func.count(),
            func.count(p.payload_hash.distinct()),
        ).where(mine)
        recent = select(p.seq).where(mine).order_by(p.observed_at.desc(), p.seq.desc())
        orgs = select(p.organization).where(mine, p.organization > 0).distinct()
        with reading(self._engine) as connection:
            first, last, total, distinct = connection.execute(counts).one()
            if not total:
                return None
            seqs = connection.execute(recent.limit(_RECENT)).scalars().all()
            organizations = connection.execute(orgs.order_by(p.organization)).scalars().all()
        return AccountFacts(
            account, first, last, total, distinct, tuple(organizations), tuple(seqs)
        )

    def purge(self, before: int, most: int = PURGED) -> int:
        """See `Record.purge`."""
        # Most times nothing is due, and nobody else deletes prompts: a look needs no lock.
        with reading(self._engine) as connection:
            seqs = oldest(connection, before, most)
        if seqs:
            with writing(self._engine) as connection:
                self._note_highest(connection)
                delete_prompts(connection, seqs)
        return len(seqs)

    def _joined(self, query: Select[Any]) -> Select[Any]:
        p, v = tables.prompts.c, tables.vectors.c
        on = and_(v.seq == p.seq, v.generation_id == self._generation_id)
        return query.select_from(tables.prompts.join(tables.vectors, on))

    def _note_highest(self, connection: Connection) -> None:
        """Keep the highest seq beyond the deletion of its prompt."""
        values = {"value": self._seqs.next - 1}
        done = connection.execute(
            update(tables.counters).where(tables.counters.c.name == _SEQ).values(values)
        )
        if not done.rowcount:
            connection.execute(insert(tables.counters).values(name=_SEQ, **values))


def _replay_batch(rows: Sequence[Row[Any]], with_vectors: bool) -> ReplayBatch:
    # By columns: a start reads a million rows, and a row's values by name take most of its time.
    names = ROW_DTYPE.names or ()
    columns = iter(zip(*rows, strict=True))
    values = np.empty(len(rows), ROW_DTYPE)
    for name, column in zip(names, columns, strict=False):
        values[name] = column
    payload_hashes = list(next(columns))
    traces = traces_of(*islice(columns, len(_TRACE)))
    vectors = np.empty((len(rows), 0), np.float32)
    if with_vectors:
        vectors = np.stack([vector_of(data) for data in next(columns)])
    return ReplayBatch(values, payload_hashes, traces, vectors)
