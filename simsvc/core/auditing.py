"""Reading the audit log, and checking its chain."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TypeVar

from simsvc.core.campaigns import CampaignBook
from simsvc.core.stage import Stages
from simsvc.core.undoing import is_undoable
from simsvc.domain.audit import AuditChain, AuditEntry, AuditFilter, ChainReport, checked
from simsvc.domain.errors import NotFoundError
from simsvc.domain.tokens import TokenSealer

T = TypeVar("T")
_BATCH = 2000


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Entries, newest first; the positions of those that can be undone; the next page's token."""

    entries: Sequence[AuditEntry]
    undoable: frozenset[int]
    next_token: str


class AuditLog:
    """The use case behind the calls that read the audit log."""

    def __init__(
        self,
        stages: Stages,
        book: CampaignBook,
        chain: AuditChain,
        sealer: TokenSealer,
        readers: Executor,
        scanning: Executor,
    ) -> None:
        self._stages = stages
        self._book = book
        self._chain = chain
        self._sealer = sealer
        self._readers = readers
        self._scanning = scanning

    async def page(self, where: AuditFilter, size: int, token: str) -> AuditPage:
        """Return a page of the log."""
        query = f"audit {where}"
        before = self._sealer.open(query, token, "page_token")[0] if token else 0
        record = self._stages.serving.record

        def read() -> tuple[list[AuditEntry], frozenset[int]]:
            found = record.audit(before, size + 1, where)
            # Trying to undo a decision about many accounts takes a while.
            return found, frozenset(e.position for e in found if self._is_undoable(e))

        found, undoable = await self._read(read)
        entries = found[:size]
        more = len(found) > size
        next_token = self._sealer.seal(query, [entries[-1].position]) if more else ""
        return AuditPage(entries, undoable & {e.position for e in entries}, next_token)

    async def reviews(self, campaign_id: str, size: int, token: str) -> AuditPage:
        """Return a page of a campaign's history. NotFoundError if there is no such campaign."""
        if self._book.get(campaign_id) is None:
            raise NotFoundError("campaign")
        return await self.page(AuditFilter(campaign_id=campaign_id), size, token)

    async def verify(self) -> ChainReport:
        """Check the chain from its first entry on."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._scanning, self._verified)

    def _verified(self) -> ChainReport:
        report = ChainReport()
        record = self._stages.serving.record
        while not report.broken:
            entries = record.audit_from(report.last, _BATCH)
            if not entries:
                break
            report = checked(self._chain, entries, report)
        return report

    def _is_undoable(self, entry: AuditEntry) -> bool:
        campaign = self._book.get(entry.note.campaign_id)
        return campaign is not None and is_undoable(campaign, entry, self._book.get)

    async def _read(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, work)
