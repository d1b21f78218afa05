"""Reference sets."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, func, insert, select

from simsvc.domain.chunks import chunks
from simsvc.domain.prompt import Message, Role
from simsvc.domain.reference import ReferenceItem, ReferenceKind, ReferenceSet
from simsvc.record import tables
from simsvc.record.engine import reading, writing
from simsvc.record.rows import vector_of
from simsvc.record.store import PARAMETERS, Store
from simsvc.record.text import StoredText


class ReferenceStore(Store):
    """The part of the record that holds reference sets."""

    def reference_sets(self) -> list[ReferenceSet]:
        """See `Record.reference_sets`."""
        s, i = tables.reference_sets, tables.reference_items.c
        counted = select(i.name, func.count().label("items"))
        counts = counted.where(i.generation_id == self._generation_id).group_by(i.name).subquery()
        query = select(s.c.name, s.c.kind, s.c.created_at, counts.c["items"]).outerjoin(
            counts, counts.c.name == s.c.name
        )
        with reading(self._engine) as connection:
            # Sorted here: how a database sorts depends on its locale.
            rows = sorted(connection.execute(query).all(), key=lambda row: str(row.name))
        return [
            ReferenceSet(row.name, ReferenceKind(row.kind), row.items or 0, row.created_at)
            for row in rows
        ]

    def reference_items(self, name: str) -> list[ReferenceItem]:
        """See `Record.reference_items`."""
        i = tables.reference_items
        mine = (i.c.name == name, i.c.generation_id == self._generation_id)
        with reading(self._engine) as connection:
            rows = connection.execute(select(i).where(*mine).order_by(i.c.hash)).all()
        return [ReferenceItem(row.hash, vector_of(row.vector), row.shingles) for row in rows]

    def add_references(
        self, name: str, kind: ReferenceKind, items: Sequence[ReferenceItem], at: int
    ) -> list[ReferenceItem]:
        """See `Record.add_references`."""
        s, i = tables.reference_sets, tables.reference_items
        new = {item.hash: item for item in items}
        mine = (i.c.name == name, i.c.generation_id == self._generation_id)
        with writing(self._engine) as connection:
            if connection.execute(select(s.c.name).where(s.c.name == name)).first() is None:
                connection.execute(insert(s).values(name=name, kind=kind, created_at=at))
            for chunk in chunks(list(new), PARAMETERS):
                query = select(i.c.hash).where(*mine, i.c.hash.in_(chunk))
                for known in connection.execute(query).scalars().all():
                    del new[known]
            rows = [
                {
                    "name": name,
                    "generation_id": self._generation_id,
                    "hash": item.hash,
                    "vector": item.vector.astype("<f2").tobytes(),
                    "shingles": item.shingles,
                    **self._text_values(item),
                }
                for item in new.values()
            ]
            if rows:
                connection.execute(insert(i), rows)
        return list(new.values())

    def reference_texts(self, name: str) -> dict[bytes, str | None]:
        """See `Record.reference_texts`."""
        i = tables.reference_items.c
        query = select(i.hash, i.text_key_id, i.text).where(
            i.name == name, i.generation_id == self._generation_id
        )
        found: dict[bytes, str | None] = {}
        with reading(self._engine) as connection:
            for row in connection.execute(query.order_by(i.hash)):
                stored = StoredText(row.text_key_id, row.text)
                messages, _ = self._codec.decode(_row_of(row.hash), stored)
                found[bytes(row.hash)] = messages[0].content if messages else None
        return found

    def _text_values(self, item: ReferenceItem) -> dict[str, object]:
        if item.text is None:
            return {"text_key_id": None, "text": None}
        message = Message(Role.USER, item.text)
        stored = self._codec.encode(_row_of(item.hash), (message,))
        return {"text_key_id": stored.key_id, "text": stored.data}

    def delete_references(self, name: str) -> bool:
        """See `Record.delete_references`."""
        s, i = tables.reference_sets, tables.reference_items
        with writing(self._engine) as connection:
            connection.execute(delete(i).where(i.c.name == name))
            return bool(connection.execute(delete(s).where(s.c.name == name)).rowcount)


def _row_of(value: bytes) -> int:
    """Return what an item's text is bound to: below 0, where no prompt's seq is."""
    return -1 - int.from_bytes(value[:7], "big")
