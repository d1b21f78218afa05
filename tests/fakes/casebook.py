"""The part of the record that holds campaigns, and the log of what was done, in plain dicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

from simsvc.domain.audit import UNKEYED, AuditEntry, AuditFilter, AuditNote
from simsvc.domain.campaign import Campaign, CampaignEvent, CampaignState
from simsvc.ports.record import PURGED


class MemoryCasebook:
    """See `Record`."""

    def __init__(self) -> None:
        self._campaigns: dict[str, Campaign] = {}
        self._events: list[CampaignEvent] = []
        self._position = 0
        self.entries: list[AuditEntry] = []

    def save_campaigns(
        self, events: Sequence[CampaignEvent], audit: Sequence[AuditNote] = ()
    ) -> list[CampaignEvent]:
        self.append_audit(audit)
        saved = []
        for event in events:
            self._campaigns[event.campaign.campaign_id] = event.campaign
            saved.append(replace(event, position=self._position + 1))
            self._position += 1
            review = replace(event.campaign.review, excluded=frozenset())
            bare = replace(event.campaign, members={}, source=b"", review=review)
            self._events.append(replace(saved[-1], campaign=bare))
        return saved

    def campaigns(self, state: CampaignState | None = None) -> list[Campaign]:
        found = [c for c in self._campaigns.values() if state is None or c.state is state]
        return sorted(found, key=lambda c: (-c.updated_at, c.campaign_id))

    def campaign_events(self, after: int, limit: int) -> list[CampaignEvent]:
        return [event for event in self._events if event.position > after][:limit]

    def purge_changes(self, before: int, most: int = PURGED) -> int:
        last = {event.campaign.campaign_id: event.position for event in self._events}
        gone = [
            event
            for event in self._events
            if event.at < before and last[event.campaign.campaign_id] != event.position
        ][:most]
        self._events = [event for event in self._events if event not in gone]
        return len(gone)

    def last_position(self) -> int:
        return self._position

    @property
    def notes(self) -> list[AuditNote]:
        return [entry.note for entry in self.entries]

    def append_audit(self, notes: Sequence[AuditNote]) -> None:
        for note in notes:
            position = len(self.entries) + 1
            before = self.entries[-1].digest if self.entries else b""
            digest = UNKEYED.link(before, position, note)
            self.entries.append(AuditEntry(position, note, UNKEYED.active, digest))

    def audit(self, before: int, limit: int, where: AuditFilter) -> list[AuditEntry]:
        undone = {e.note.undoes: e.position for e in self.entries}
        found = [
            replace(e, undone_by=undone.get(e.position, 0))
            for e in reversed(self.entries)
            if (not before or e.position < before)
            and all(v in ("", getattr(e.note, k)) for k, v in asdict(where).items())
        ]
        return found[:limit]

    def audit_from(self, after: int, limit: int) -> list[AuditEntry]:
        return self.entries[after : after + limit]
