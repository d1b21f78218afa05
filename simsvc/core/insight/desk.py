"""How an insight is read: with a permit, on a reading thread, and written down where texts show."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import TypeVar

from simsvc.core.access import Principal
from simsvc.core.admission import Admission
from simsvc.core.campaigns import CampaignBook
from simsvc.core.insight.pool import Kept, pool_of
from simsvc.core.insight.projection import Projector
from simsvc.core.lookup import Names
from simsvc.core.stage import Stage, Stages
from simsvc.core.writer import Writer
from simsvc.domain.audit import AuditNote
from simsvc.domain.campaign import Campaign
from simsvc.domain.errors import NotFoundError
from simsvc.domain.pseudonyms import Keyring
from simsvc.ports.clock import Clock

T = TypeVar("T")
# Prompts over those there were when a pool was copied, from which it is copied again.
_RENEWED = 1.01


@dataclass(frozen=True, slots=True)
class _Pool:
    generation: str = ""
    observed: int = 0
    accounts: dict[int, Kept] = field(default_factory=dict)


class Desk:
    """What the insights of campaigns and of accounts share."""

    def __init__(
        self,
        stages: Stages,
        book: CampaignBook,
        writer: Writer,
        keyring: Keyring,
        clock: Clock,
        readers: Executor,
        scanning: Executor,
        admission: Admission,
    ) -> None:
        self.keyring = keyring
        self.book = book
        self.projector = Projector(readers)
        self._pool = _Pool()
        self._stages = stages
        self._writer = writer
        self._clock = clock
        self._readers = readers
        self._scanning = scanning
        self._admission = admission

    @property
    def stage(self) -> Stage:
        """The generation that answers."""
        return self._stages.serving

    def campaign(self, campaign_id: str) -> Campaign:
        """Return a campaign. NotFoundError if there is none."""
        found = self.book.get(campaign_id)
        if found is None:
            raise NotFoundError("campaign")
        return found

    async def read(self, work: Callable[[], T]) -> T:
        """Run something on a reading thread."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, work)

    async def scan(self, work: Callable[[], T]) -> T:
        """Run something that takes long, where it keeps no reader waiting."""
        return await asyncio.get_running_loop().run_in_executor(self._scanning, work)

    async def write(self, work: Callable[[], T]) -> T:
        """Run something on the writing thread."""
        return await self._writer.call(work)

    def now(self) -> int:
        """Return the time, in µs."""
        return self._clock.now()

    async def permitted(self, work: Awaitable[T]) -> T:
        """Wait for something under a look-up's permit. OverloadedError if there is none."""
        try:
            self._admission.admit(1)
        except BaseException:
            if asyncio.iscoroutine(work):
                work.close()
            raise
        try:
            return await work
        finally:
            self._admission.release(1)

    async def pool(self, stage: Stage, first: Iterable[int]) -> dict[int, Kept]:
        """Return a pool of accounts with those named `first`, as it was a little ago at most.

        It is copied on the writing thread, so not for every look.
        """
        # Of whom the detector keeps nothing any more, another copy would hold nothing either.
        wanted = {actor for actor in first if actor in stage.detector.accounts_book.states}
        observed = stage.detector.accounts_book.observed
        held = self._pool
        fresh = held.generation == stage.generation and observed <= _RENEWED * held.observed
        if not fresh or not wanted <= held.accounts.keys():
            accounts = await self._writer.call(lambda: pool_of(stage.detector, wanted))
            held = self._pool = _Pool(stage.generation, observed, accounts)
        return held.accounts

    async def audit(self, who: Principal, action: str, subject: str, campaign_id: str = "") -> None:
        """Write a look-up down."""
        note = AuditNote(self._clock.now(), who.name, action, subject, campaign_id)
        await self._writer.call(lambda: self.stage.record.append_audit([note]))

    def names(self, accounts: Iterable[int]) -> Names:
        """Return what accounts are called."""
        return Names(self.stage.record.account_names(sorted(set(accounts))), {})
