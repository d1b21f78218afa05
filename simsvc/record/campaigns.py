"""Campaigns and the events of their lives."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, delete, func, insert, select, update

from simsvc.domain.audit import AuditNote
from simsvc.domain.campaign import Campaign, CampaignEvent, CampaignState, Member
from simsvc.ports.record import PURGED
from simsvc.record import tables
from simsvc.record.audit import AuditStore
from simsvc.record.engine import reading, writing
from simsvc.record.purging import old_changes
from simsvc.record.rows import campaign_body, campaign_of, event_of, member_of, member_values

_PROBE = "write_probe"


class CampaignStore(AuditStore):
    """The part of the record that holds campaigns, with what was done to them."""

    def save_campaigns(
        self, events: Sequence[CampaignEvent], audit: Sequence[AuditNote] = ()
    ) -> list[CampaignEvent]:
        """See `Record.save_campaigns`."""
        with writing(self._engine) as connection:
            self.add_notes(connection, audit)
            return [self._save(connection, event) for event in events]

    def campaigns(self, state: CampaignState | None = None) -> list[Campaign]:
        """See `Record.campaigns`."""
        c, m = tables.campaigns.c, tables.campaign_members
        query = select(c.campaign_id, c.body, c.source).order_by(c.updated_at.desc(), c.campaign_id)
        if state is not None:
            query = query.where(c.state == state)
        members: dict[str, dict[int, Member]] = {}
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
            for row in connection.execute(select(m)):
                members.setdefault(row.campaign_id, {})[row.account] = member_of(row)
        return [
            replace(
                campaign_of(row.body, members.get(row.campaign_id, {})), source=bytes(row.source)
            )
            for row in rows
        ]

    def campaign_events(self, after: int, limit: int) -> list[CampaignEvent]:
        """See `Record.campaign_events`."""
        table = tables.campaign_events
        query = select(table).where(table.c.position > after).order_by(table.c.position)
        with reading(self._engine) as connection:
            return [event_of(row) for row in connection.execute(query.limit(limit))]

    def purge_changes(self, before: int, most: int = PURGED) -> int:
        """See `Record.purge_changes`."""
        table = tables.campaign_events
        with reading(self._engine) as connection:
            positions = old_changes(connection, before, most)
        if positions:
            with writing(self._engine) as connection:
                connection.execute(delete(table).where(table.c.position.in_(positions)))
        return len(positions)

    def last_position(self) -> int:
        """See `Record.last_position`."""
        with reading(self._engine) as connection:
            query = select(func.max(tables.campaign_events.c.position))
            return connection.execute(query).scalar() or 0

    def check_writable(self) -> None:
        """See `Record.check_writable`."""
        table = tables.counters
        with writing(self._engine) as connection:
            connection.execute(delete(table).where(table.c.name == _PROBE))
            connection.execute(insert(table).values(name=_PROBE, value=time.time_ns()))

    def _save(self, connection: Connection, event: CampaignEvent) -> CampaignEvent:
        campaign = event.campaign
        body = campaign_body(campaign)
        values = {
            "state": campaign.state,
            "updated_at": campaign.updated_at,
            "body": body,
            "source": campaign.source,
        }
        table, this = tables.campaigns, {"campaign_id": campaign.campaign_id}
        where = table.c.campaign_id == campaign.campaign_id
        if not connection.execute(update(table).where(where).values(values)).rowcount:
            connection.execute(insert(table).values(values | this))
        self._save_members(connection, campaign)
        made = connection.execute(
            insert(tables.campaign_events).values(
                this | {"change": event.change, "at": event.at, "body": _body_of_event(campaign)}
            )
        )
        key = made.inserted_primary_key
        if key is None:
            raise LookupError("the database did not number an event")
        return replace(event, position=int(key[0]))

    def _save_members(self, connection: Connection, campaign: Campaign) -> None:
        table = tables.campaign_members
        connection.execute(delete(table).where(table.c.campaign_id == campaign.campaign_id))
        rows = [member_values(campaign.campaign_id, m) for m in campaign.members.values()]
        if rows:
            connection.execute(insert(table), rows)


def _body_of_event(campaign: Campaign) -> str:
    # Half of a large campaign may be excluded: each change would hold them all again.
    return campaign_body(replace(campaign, review=replace(campaign.review, excluded=frozenset())))
