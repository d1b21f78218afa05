"""Reading campaigns: lists, single ones with their members, and the feed of changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import chain, zip_longest

import numpy as np

from simsvc.core.campaigns import CampaignBook
from simsvc.core.feed import CampaignFeed
from simsvc.core.lookup import Names
from simsvc.core.membership import Membership
from simsvc.core.stage import Stages
from simsvc.domain.campaign import Campaign, CampaignEvent, CampaignState
from simsvc.domain.errors import NotFoundError
from simsvc.domain.review import Verdict
from simsvc.domain.tokens import TokenSealer
from simsvc.domain.verdict import Confidence

_REPRESENTATIVES = 10
_LIST = "campaigns"
_WATCH = "campaign events"


# By what campaigns may be listed; the largest comes first.
ORDERS: dict[str, Callable[[Campaign], int]] = {
    "update_time": lambda c: c.updated_at,
    "confidence": lambda c: int(c.confidence),
    "accounts": lambda c: c.extent.accounts,
    "prompts": lambda c: c.extent.prompts,
    "new_accounts": lambda c: c.new_accounts,
    "last_seen": lambda c: c.extent.last_seen,
}


@dataclass(frozen=True, slots=True)
class CampaignQuery:
    """Which campaigns, and in which of the `ORDERS`. None and "" are for any."""

    state: CampaignState | None = None
    confidence: Confidence | None = None
    verdict: Verdict | None = None
    assignee: str = ""
    order: str = "update_time"

    def holds(self, campaign: Campaign) -> bool:
        """Return whether a campaign is one of them."""
        return (
            self.state in (None, campaign.state)
            and (self.confidence is None or campaign.confidence >= self.confidence)
            and self.verdict in (None, campaign.review.verdict)
            and self.assignee in ("", campaign.review.assignee)
        )


@dataclass(frozen=True, slots=True)
class CaseFile:
    """A campaign, what its members are called, and seqs of typical prompts."""

    campaign: Campaign
    names: Names
    representatives: tuple[int, ...]


class Casework:
    """The use case behind the campaign calls."""

    def __init__(
        self,
        stages: Stages,
        book: CampaignBook,
        membership: Membership,
        feed: CampaignFeed,
        sealer: TokenSealer,
        readers: Executor,
    ) -> None:
        self._stages = stages
        self._book = book
        # The open campaigns of an account, from memory; nothing lies between on the hot path.
        self.check = membership.check
        self._feed = feed
        self._sealer = sealer
        self._readers = readers

    def campaigns_of(self, account: int) -> list[str]:
        """Return the campaigns that an account is or was in."""
        return self._book.of_account(account)

    def page(self, query: CampaignQuery, size: int, token: str) -> tuple[Sequence[Campaign], str]:
        """Return a page of campaigns in the query's order, and the token of the next one.

        By latest update, a campaign that changes between two pages moves to the front and is not
        repeated.
        """
        bound = f"{_LIST} {query}"
        place = self._sealer.open(bound, token, "page_token") if token else None
        key = ORDERS[query.order]
        placed = [([-key(c), c.campaign_id], c) for c in self._book.all() if query.holds(c)]
        placed.sort(key=lambda pair: pair[0])
        rest = [pair for pair in placed if place is None or pair[0] > place]
        page = [c for _, c in rest[:size]]
        return page, self._sealer.seal(bound, rest[size - 1][0]) if len(rest) > size else ""

    async def case(self, campaign_id: str) -> CaseFile:
        """Return all about one campaign. NotFoundError if there is none."""
        campaign = self._book.get(campaign_id)
        if campaign is None:
            raise NotFoundError("campaign")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self._read_case, campaign)

    async def watch(self, token: str) -> AsyncIterator[tuple[CampaignEvent, str]]:
        """Yield changes after a resume token, each with the token to resume from after it."""
        after = self._sealer.open(_WATCH, token, "resume_token")[0] if token else 0
        async for event in self._feed.follow(after):
            yield event, self._sealer.seal(_WATCH, [event.position])

    def _read_case(self, campaign: Campaign) -> CaseFile:
        organizations = {-m.actor for m in campaign.members.values() if m.actor < 0}
        record = self._stages.serving.record
        names = Names(
            record.account_names(sorted(campaign.members.keys() | campaign.review.excluded)),
            record.organization_names(sorted(organizations)),
        )
        return CaseFile(campaign, names, self._representatives(campaign))

    def _representatives(self, campaign: Campaign) -> tuple[int, ...]:
        """Return the typical prompts that the detector named, else those central in families."""
        named = self._stages.serving.index.vectors(campaign.representatives)
        if len(named) and named.any():
            kept = zip(campaign.representatives, named, strict=True)
            return tuple(seq for seq, vector in kept if vector.any())[:_REPRESENTATIVES]
        samples = {e.family: e.seqs for e in campaign.evidence if e.seqs}
        turns = zip_longest(*(self._central(seqs) for seqs in samples.values()))
        seqs = [seq for seq in chain.from_iterable(turns) if seq is not None]
        return tuple(seqs[:_REPRESENTATIVES])

    def _central(self, seqs: Sequence[int]) -> list[int]:
        vectors = self._stages.serving.index.vectors(seqs)
        order = np.argsort(-(vectors @ vectors.sum(axis=0)), kind="stable")
        # Prompts that retention has dropped have no vector.
        return [seqs[i] for i in order.tolist() if vectors[i].any()]
