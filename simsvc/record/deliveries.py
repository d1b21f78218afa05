"""Alerts on their way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import Engine, Row, and_, delete, func, insert, or_, select, update

from simsvc.domain.alerts import Delivery, DeliveryState
from simsvc.domain.campaign import Change
from simsvc.record import tables
from simsvc.record.engine import reading, writing

_FIELDS = tuple(field.name for field in fields(Delivery))
# Deliveries deleted in one transaction: others write meanwhile.
_FORGOTTEN = 1000


class SqlDeliveries:
    """See `KeepsDeliveries`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def cursor(self, webhook: str) -> int | None:
        """See `KeepsDeliveries.cursor`."""
        table = tables.webhooks.c
        with reading(self._engine) as connection:
            query = select(table.position).where(table.name == webhook)
            return connection.execute(query).scalar_one_or_none()

    def plan(self, webhook: str, cursor: int, deliveries: Sequence[Delivery]) -> None:
        """See `KeepsDeliveries.plan`."""
        table, held = tables.webhooks, tables.deliveries
        with writing(self._engine) as connection:
            moved = update(table).where(table.c.name == webhook).values(position=cursor)
            if not connection.execute(moved).rowcount:
                connection.execute(insert(table).values(name=webhook, position=cursor))
            ids = [d.delivery_id for d in deliveries]
            query = select(held.c.delivery_id).where(held.c.delivery_id.in_(ids))
            known = set(connection.execute(query).scalars())
            rows = [asdict(d) for d in deliveries if d.delivery_id not in known]
            if rows:
                connection.execute(insert(held), rows)

    def due(self, webhook: str, now: int, limit: int) -> list[Delivery]:
        """See `KeepsDeliveries.due`."""
        table = tables.deliveries.c
        query = (
            select(tables.deliveries)
            .where(*_pending(webhook), table.next_at <= now)
            .order_by(table.created_at, table.delivery_id)
            .limit(limit)
        )
        with reading(self._engine) as connection:
            return [_delivery(row) for row in connection.execute(query)]

    def next_at(self, webhook: str) -> int | None:
        """See `KeepsDeliveries.next_at`."""
        table = tables.deliveries.c
        with reading(self._engine) as connection:
            query = select(func.min(table.next_at)).where(*_pending(webhook))
            return connection.execute(query).scalar()

    def settle(self, delivery: Delivery) -> None:
        """See `KeepsDeliveries.settle`."""
        table = tables.deliveries
        names = ("state", "attempts", "next_at", "status", "problem", "updated_at")
        values = {name: getattr(delivery, name) for name in names}
        where = table.c.delivery_id == delivery.delivery_id
        with writing(self._engine) as connection:
            connection.execute(update(table).where(where).values(values))

    def deliveries(
        self, state: DeliveryState | None, after: tuple[int, str] | None, limit: int
    ) -> list[Delivery]:
        """See `KeepsDeliveries.deliveries`."""
        table = tables.deliveries.c
        query = select(tables.deliveries).order_by(table.created_at.desc(), table.delivery_id)
        if state is not None:
            query = query.where(table.state == state)
        if after is not None:
            at, name = after
            later = and_(table.created_at == at, table.delivery_id > name)
            query = query.where(or_(table.created_at < at, later))
        with reading(self._engine) as connection:
            return [_delivery(row) for row in connection.execute(query.limit(limit))]

    def retry(self, delivery_id: str, now: int) -> bool:
        """See `KeepsDeliveries.retry`."""
        table = tables.deliveries
        dead = (table.c.delivery_id == delivery_id, table.c.state == DeliveryState.DEAD)
        again = {"state": DeliveryState.PENDING, "attempts": 0, "next_at": now, "updated_at": now}
        with writing(self._engine) as connection:
            return bool(connection.execute(update(table).where(*dead).values(again)).rowcount)

    def counts(self) -> dict[DeliveryState, int]:
        """See `KeepsDeliveries.counts`."""
        table = tables.deliveries.c
        with reading(self._engine) as connection:
            query = select(table.state, func.count()).group_by(table.state)
            return {DeliveryState(state): int(n) for state, n in connection.execute(query)}

    def forget(self, state: DeliveryState, before: int) -> int:
        """See `KeepsDeliveries.forget`."""
        table, gone = tables.deliveries, 0
        # Looking for them takes long where there are many: nobody else may have to wait for it.
        while ids := self._ended(state, before):
            with writing(self._engine) as connection:
                some = delete(table).where(table.c.delivery_id.in_(ids))
                gone += connection.execute(some).rowcount
        return gone

    def _ended(self, state: DeliveryState, before: int) -> Sequence[str]:
        table = tables.deliveries.c
        old = (table.state == state, table.updated_at < before)
        with reading(self._engine) as connection:
            query = select(table.delivery_id).where(*old).limit(_FORGOTTEN)
            return connection.execute(query).scalars().all()


def _pending(webhook: str) -> tuple[Any, ...]:
    table = tables.deliveries.c
    return table.webhook == webhook, table.state == DeliveryState.PENDING


def _delivery(row: Row[Any]) -> Delivery:
    values = {name: getattr(row, name) for name in _FIELDS}
    values |= {"state": DeliveryState(row.state), "change": Change(row.change)}
    return Delivery(**values)
