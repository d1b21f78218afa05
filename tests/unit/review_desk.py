"""A book with campaigns and the reviews over it, without a server."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simsvc.core.access import Principal, Role
from simsvc.core.auditing import AuditLog
from simsvc.core.campaigns import CampaignBook, CampaignRule
from simsvc.core.detection import Finding
from simsvc.core.review import Reviews
from simsvc.domain.audit import UNKEYED
from simsvc.domain.campaign import Campaign, CampaignEvent, Evidence, Member
from simsvc.domain.review import DismissalReason
from simsvc.domain.tokens import TokenSealer
from simsvc.domain.verdict import Confidence
from tests.fakes.prompts import KEYRING, NOW, owner_key
from tests.unit.helpers import FAMILIES, Core, family_detector

DETECTOR = family_detector(FAMILIES)
REVIEWER = Principal("rita", frozenset({Role.REVIEWER}))
ANALYST = Principal("anna", frozenset({Role.ANALYST}))
TWINS = Evidence("twins", "alike", 1.0, 0.0, -50.0, 0, ())
VIRAL = DismissalReason.VIRAL


def about(
    accounts: range,
    evidence: tuple[Evidence, ...] = (TWINS,),
    confidence: Confidence = Confidence.MEDIUM,
) -> Finding:
    members = tuple(Member(a, a, NOW, NOW, 3, 0.9, ("asks for the set",)) for a in accounts)
    source = np.array([accounts[0], 2], "<i8").tobytes()
    return Finding(
        accounts[0], 0, evidence, members, confidence, ("partition",), None, (), (), -50.0,
        source=source,
    )  # fmt: skip


class Desk:
    """A record of 60 accounts, a book with campaigns, and the reviews over both."""

    def __init__(self, core: Core) -> None:
        self.core = core
        core.record.owners([owner_key(f"account-{i}") for i in range(1, 61)])
        self.book = core.book = CampaignBook(CampaignRule(0.5, 10**15), "gen")
        core.membership._book = self.book
        self.reviews = Reviews(
            core.stages, self.book, core.membership, core.writer, core.feed, KEYRING, core.clock
        )
        sealer = TokenSealer(b"s" * 32)
        self.log = AuditLog(core.stages, self.book, UNKEYED, sealer, core.readers, core.readers)
        self.times = NOW
        core.clock.now = self._tick_clock  # type: ignore[method-assign]

    def _tick_clock(self) -> int:
        self.times += 1
        return self.times

    def find(self, *findings: Finding) -> list[CampaignEvent]:
        self.times += 1
        events = self.core.record.save_campaigns(self.book.plan(findings, DETECTOR, self.times))
        self.book.apply(events)
        self.core.membership.learn(self.book.all())
        return events

    def opened(self, accounts: range) -> str:
        [event] = self.find(about(accounts))
        return event.campaign.campaign_id

    def at(self, campaign_id: str) -> Campaign:
        found = self.book.get(campaign_id)
        assert found is not None
        return found

    def etag(self, campaign_id: str) -> str:
        return self.at(campaign_id).review_etag

    def last(self) -> int:
        return self.core.record.entries[-1].position

    async def undo(self, campaign_id: str, position: int | None = None) -> None:
        place = position or self.last()
        await self.reviews.undo(REVIEWER, campaign_id, self.etag(campaign_id), place)

    async def dismiss(self, campaign_id: str) -> None:
        await self.reviews.dismiss(REVIEWER, campaign_id, self.etag(campaign_id), VIRAL, "a meme")


def judged(campaign: Campaign) -> tuple[object, ...]:
    """Return what people decide about, without the counters."""
    review = replace(campaign.review, revision=0)
    return (campaign.state, review, dict(campaign.members), campaign.extent, campaign.merged_into)
