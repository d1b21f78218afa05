"""The audit log: reviews and look-ups, chained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from simsvc.domain.audit import UNKEYED, AuditChain, AuditEntry, AuditFilter, AuditNote
from simsvc.record import tables
from simsvc.record.engine import reading, writing
from simsvc.record.store import Store

_FIELDS = tuple(field.name for field in fields(AuditNote))


class AuditStore(Store):
    """The part of the record that holds the audit log.

    `chain` has the keys of its links; without any, whoever can write can forge.
    """

    chain: AuditChain = UNKEYED

    def append_audit(self, notes: Sequence[AuditNote]) -> None:
        """See `Record.append_audit`."""
        with writing(self._engine) as connection:
            self.add_notes(connection, notes)

    def add_notes(self, connection: Connection, notes: Sequence[AuditNote]) -> None:
        """Add notes within a transaction."""
        if not notes:
            return
        table = tables.audit.c
        newest = select(table.position, table.digest).order_by(table.position.desc()).limit(1)
        last = connection.execute(newest).one_or_none()
        position, digest = (last.position, bytes(last.digest)) if last else (0, b"")
        rows = []
        for note in notes:
            position += 1
            digest = self.chain.link(digest, position, note)
            link = {"position": position, "key_id": self.chain.active, "digest": digest}
            rows.append(asdict(note) | link)
        connection.execute(insert(tables.audit), rows)

    def audit(self, before: int, limit: int, where: AuditFilter) -> list[AuditEntry]:
        """See `Record.audit`."""
        table = tables.audit.c
        query = select(tables.audit).order_by(table.position.desc()).limit(limit)
        if before:
            query = query.where(table.position < before)
        for name, value in asdict(where).items():
            if value:
                query = query.where(table[name] == value)
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
            positions = [row.position for row in rows]
            undo = select(table.undoes, table.position).where(table.undoes.in_(positions))
            undone = {row.undoes: row.position for row in connection.execute(undo)}
        return [_entry(row, undone.get(row.position, 0)) for row in rows]

    def audit_from(self, after: int, limit: int) -> list[AuditEntry]:
        """See `Record.audit_from`."""
        table = tables.audit.c
        query = select(tables.audit).where(table.position > after).order_by(table.position)
        with reading(self._engine) as connection:
            return [_entry(row, 0) for row in connection.execute(query.limit(limit))]


def _entry(row: Row[Any], undone_by: int) -> AuditEntry:
    note = AuditNote(**{name: getattr(row, name) for name in _FIELDS})
    return AuditEntry(row.position, note, row.key_id, bytes(row.digest), undone_by)
