"""The record for those who embed it again: texts out, vectors and families in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, and_, delete, func, insert, select, update

from simsvc.core.views import payload_again
from simsvc.domain.chunks import chunks
from simsvc.ports.embedder import Embedding
from simsvc.ports.jobs import Lease, Source
from simsvc.record import tables
from simsvc.record.engine import reading, writing
from simsvc.record.rows import embedding_values, vector_of
from simsvc.record.store import PARAMETERS, Store
from simsvc.record.text import StoredText

_PAGE = 8192


class SourceStore(Store):
    """See `Reembedding`."""

    def sizes(self, after: int) -> Iterator[list[tuple[int, int]]]:
        """See `Reembedding.sizes`."""
        p, v = tables.prompts.c, tables.vectors.c
        on = and_(v.seq == p.seq, v.generation_id == self._generation_id)
        query = select(p.seq, func.coalesce(v.tokens, 0)).select_from(
            tables.prompts.outerjoin(tables.vectors, on)
        )
        while True:
            page = query.where(p.seq > after).order_by(p.seq).limit(_PAGE)
            with reading(self._engine) as connection:
                rows = [(int(seq), int(tokens)) for seq, tokens in connection.execute(page)]
            if not rows:
                return
            yield rows
            after = rows[-1][0]

    def unreadable(self) -> int:
        """See `Reembedding.unreadable`."""
        p = tables.prompts.c
        keys = select(p.text_key_id, func.count(), func.min(p.seq)).group_by(p.text_key_id)
        total = 0
        with reading(self._engine) as connection:
            for _, count, seq in connection.execute(keys).all():
                # One text under a key tells whether the others can be read.
                one = select(p.text_key_id, p.text).where(p.seq == seq)
                row = connection.execute(one).one()
                messages, _ = self._codec.decode(seq, StoredText(row.text_key_id, row.text))
                total += count if messages is None else 0
        return total

    def sources(self, first: int, last: int) -> list[Source]:
        """See `Reembedding.sources`."""
        p = tables.prompts.c
        columns = (p.seq, p.payload_hash, p.text_key_id, p.text, p.cuts)
        query = select(*columns).where(p.seq >= first, p.seq <= last).order_by(p.seq)
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
        found = []
        for row in rows:
            messages, _ = self._codec.decode(row.seq, StoredText(row.text_key_id, row.text))
            payload = payload_again(messages, bytes(row.cuts)) if messages is not None else None
            found.append(Source(row.seq, bytes(row.payload_hash), payload))
        return found

    def finish_range(self, lease: Lease, made: Mapping[int, Embedding], now: int) -> bool:
        """See `Reembedding.finish_range`."""
        table, held = tables.ranges, lease.range
        mine = (
            table.c.job_id == lease.job_id,
            table.c.ordinal == held.ordinal,
            table.c.owner == lease.owner,
            table.c.done_at == 0,
        )
        with writing(self._engine) as connection:
            done = update(table).where(*mine).values(done_at=now, owner="", expires_at=0)
            if not connection.execute(done).rowcount:
                return False
            self._put(connection, made)
        return True

    def put_embeddings(self, made: Mapping[int, Embedding]) -> None:
        """See `Reembedding.put_embeddings`."""
        with writing(self._engine) as connection:
            self._put(connection, made)

    def put_families(self, families: Mapping[int, int]) -> None:
        """See `Reembedding.put_families`."""
        table = tables.families
        with writing(self._engine) as connection:
            for chunk in chunks(list(families), PARAMETERS):
                mine = (table.c.generation_id == self._generation_id, table.c.seq.in_(chunk))
                connection.execute(delete(table).where(*mine))
                rows = [
                    {"generation_id": self._generation_id, "seq": seq, "family": families[seq]}
                    for seq in self._there(connection, chunk)
                ]
                if rows:
                    connection.execute(insert(table), rows)
            known = tables.generations
            users = known.c.vectors_of == self._generation_id
            placed = update(known).where(users).values(placed=max(families, default=0))
            connection.execute(placed)

    def held(self, seqs: Sequence[int]) -> dict[int, npt.NDArray[np.float32]]:
        """See `Reembedding.held`."""
        v = tables.vectors.c
        query = select(v.seq, v.vector).where(v.generation_id == self._generation_id)
        found: dict[int, npt.NDArray[np.float32]] = {}
        with reading(self._engine) as connection:
            for chunk in chunks(list(seqs), PARAMETERS):
                rows = connection.execute(query.where(v.seq.in_(chunk)))
                found.update((int(row.seq), vector_of(row.vector)) for row in rows)
        return found

    def families(self, seqs: Sequence[int]) -> dict[int, int]:
        """See `Reembedding.families`."""
        p, f = tables.prompts.c, tables.families.c
        on = and_(f.seq == p.seq, f.generation_id == self._generation_id)
        query = select(p.seq, func.coalesce(f.family, p.family)).select_from(
            tables.prompts.outerjoin(tables.families, on)
        )
        found: dict[int, int] = {}
        with reading(self._engine) as connection:
            for chunk in chunks(list(seqs), PARAMETERS):
                found.update(
                    (int(seq), int(family))
                    for seq, family in connection.execute(query.where(p.seq.in_(chunk)))
                )
        return found

    def last_contiguous(self, after: int) -> int:
        """See `Reembedding.last_contiguous`."""
        p, v = tables.prompts.c, tables.vectors.c
        on = and_(v.seq == p.seq, v.generation_id == self._generation_id)
        joined = tables.prompts.outerjoin(tables.vectors, on)
        gap = select(func.min(p.seq)).select_from(joined).where(p.seq > after, v.seq.is_(None))
        with reading(self._engine) as connection:
            first = connection.execute(gap).scalar()
            below = select(func.max(p.seq))
            query = below if first is None else below.where(p.seq < first)
            return max(after, connection.execute(query).scalar() or 0)

    def _put(self, connection: Connection, made: Mapping[int, Embedding]) -> None:
        table = tables.vectors
        for chunk in chunks(list(made), PARAMETERS):
            mine = (table.c.generation_id == self._generation_id, table.c.seq.in_(chunk))
            connection.execute(delete(table).where(*mine))
            rows = [
                embedding_values(seq, made[seq], self._generation_id)
                for seq in self._there(connection, chunk)
            ]
            if rows:
                connection.execute(insert(table), rows)

    def _there(self, connection: Connection, seqs: Sequence[int]) -> Sequence[int]:
        """Return those that retention has left."""
        p = tables.prompts.c
        query = select(p.seq).where(p.seq.in_(seqs)).order_by(p.seq)
        return connection.execute(query).scalars().all()
