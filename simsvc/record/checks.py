"""What a record holds of a generation, as those see it who check it and mend it. All in pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Select, Table, and_, delete, func, insert, select

from simsvc.domain.chunks import chunks
from simsvc.ports.index import ROW_DTYPE, Rows
from simsvc.record import tables
from simsvc.record.backend import backend_of
from simsvc.record.engine import reading, writing
from simsvc.record.sql import SqlRecord
from simsvc.record.store import PARAMETERS

_PAGE = 4096
# Rows deleted in one transaction: others write meanwhile.
_DELETED = 2048


@dataclass(frozen=True, slots=True)
class StoredVectors:
    """Vectors as they lie in the record, one a seq: little-endian fp16, whatever their length."""

    seqs: list[int]
    data: list[bytes]


class RecordChecks:
    """Checks over the prompts, vectors and families that one generation sees.

    Any thread, any process. UnavailableError where the record cannot be read or written.
    """

    def __init__(self, record: SqlRecord) -> None:
        self._engine = record._engine
        self._vectors_of = record.generation.vectors_of

    def has_server(self) -> bool:
        """Return whether a server writes to the record at this moment."""
        return backend_of(self._engine).has_writer(self._engine)

    def prompts(self) -> int:
        """Return how many prompts there are."""
        with reading(self._engine) as connection:
            return int(connection.execute(select(func.count(tables.prompts.c.seq))).scalar_one())

    def without_vector(self, up_to: int | None) -> Iterator[list[int]]:
        """Yield the seqs of prompts that have no vector, ascending; None: of all prompts."""
        p, v = tables.prompts.c, tables.vectors.c
        on = and_(v.seq == p.seq, v.generation_id == self._vectors_of)
        query = select(p.seq).select_from(tables.prompts.outerjoin(tables.vectors, on))
        query = query.where(v.seq.is_(None)).order_by(p.seq).limit(_PAGE)
        if up_to is not None:
            query = query.where(p.seq <= up_to)
        return self._seqs(query, p.seq)

    def vectors(self) -> Iterator[StoredVectors]:
        """Yield the vectors of prompts that are there, ascending by seq."""
        p, v = tables.prompts.c, tables.vectors.c
        query = select(v.seq, v.vector).join(tables.prompts, p.seq == v.seq)
        query = query.where(v.generation_id == self._vectors_of).order_by(v.seq).limit(_PAGE)
        after = -1
        while True:
            with reading(self._engine) as connection:
                rows = connection.execute(query.where(v.seq > after)).all()
            if not rows:
                return
            yield StoredVectors([int(r.seq) for r in rows], [bytes(r.vector) for r in rows])
            after = rows[-1].seq

    def orphan_vectors(self) -> Iterator[list[int]]:
        """Yield the seqs of vectors whose prompts are gone, ascending."""
        return self._seqs(self._orphans(tables.vectors, _PAGE), tables.vectors.c.seq)

    def orphan_families(self) -> Iterator[list[int]]:
        """Yield the seqs of families' rows whose prompts are gone, ascending."""
        return self._seqs(self._orphans(tables.families, _PAGE), tables.families.c.seq)

    def delete_orphans(self) -> int:
        """Delete vectors and families' rows whose prompts are gone; return how many."""
        total = 0
        for table in (tables.vectors, tables.families):
            some, gone = self._orphans(table, _DELETED), _DELETED
            while gone == _DELETED:
                with writing(self._engine) as connection:
                    seqs = connection.execute(some).scalars().all()
                    mine = (table.c.generation_id == self._vectors_of, table.c.seq.in_(seqs))
                    connection.execute(delete(table).where(*mine))
                gone = len(seqs)
                total += gone
        return total

    def place(self, seqs: Sequence[int], received_before: int | None) -> None:
        """Put family 0 for those that came when another generation answered and have no family.

        Those are the ones received before this time (µs) and followed by others with a family of
        this generation; None: all of them. What is placed up to where stays as it is noted: this is
        no part of a cut-over.
        """
        p, f = tables.prompts.c, tables.families.c
        on = and_(f.seq == p.seq, f.generation_id == self._vectors_of)
        query = select(p.seq).select_from(tables.prompts.outerjoin(tables.families, on))
        query = query.where(f.seq.is_(None))
        if received_before is not None:
            mine = tables.families.alias().c
            last = select(func.max(mine.seq)).where(mine.generation_id == self._vectors_of)
            last_placed = func.coalesce(last.scalar_subquery(), 0)
            query = query.where(p.received_at < received_before, p.seq < last_placed)
        with writing(self._engine) as connection:
            for chunk in chunks(seqs, PARAMETERS):
                bare = connection.execute(query.where(p.seq.in_(chunk))).scalars().all()
                values = {"generation_id": self._vectors_of, "family": 0}
                if bare:
                    connection.execute(insert(tables.families), [values | {"seq": s} for s in bare])

    def next_seq(self, first: int, up_to: int) -> int | None:
        """Return the lowest seq of a prompt with first ≤ seq ≤ up_to."""
        seq = tables.prompts.c.seq
        query = select(func.min(seq)).where(seq >= first, seq <= up_to)
        with reading(self._engine) as connection:
            found = connection.execute(query).scalar()
        return None if found is None else int(found)

    def rows(self, first: int, last: int) -> Rows:
        """Return the prompts with first ≤ seq ≤ last as the index must have them, ascending."""
        p, f = tables.prompts.c, tables.families.c
        placed = and_(f.seq == p.seq, f.generation_id == self._vectors_of)
        columns: list[Any] = [p[name] for name in (ROW_DTYPE.names or ())[:-1]]
        query = select(*columns, func.coalesce(f.family, p.family))
        query = query.select_from(tables.prompts.outerjoin(tables.families, placed))
        query = query.where(p.seq >= first, p.seq <= last).order_by(p.seq)
        with reading(self._engine) as connection:
            return np.array([tuple(row) for row in connection.execute(query)], dtype=ROW_DTYPE)

    def _orphans(self, table: Table, limit: int) -> Select[Any]:
        p, t = tables.prompts.c, table.c
        query = select(t.seq).select_from(table.outerjoin(tables.prompts, p.seq == t.seq))
        query = query.where(t.generation_id == self._vectors_of, p.seq.is_(None))
        return query.order_by(t.seq).limit(limit)

    def _seqs(self, query: Select[Any], seq: Any) -> Iterator[list[int]]:
        after = -1
        while True:
            with reading(self._engine) as connection:
                found = [int(s) for s in connection.execute(query.where(seq > after)).scalars()]
            if not found:
                return
            yield found
            after = found[-1]
