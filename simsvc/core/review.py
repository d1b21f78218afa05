"""Reviews: decisions of people about campaigns, recorded together with a note of who and why."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace

from simsvc.core import decisions
from simsvc.core.access import Principal, Role
from simsvc.core.campaigns import CampaignBook
from simsvc.core.decisions import Decider, Ruling
from simsvc.core.membership import Membership
from simsvc.core.stage import Stages
from simsvc.core.undoing import undo
from simsvc.core.writer import Writer
from simsvc.domain.audit import AuditFilter, AuditNote
from simsvc.domain.campaign import Campaign, CampaignEvent, CampaignState
from simsvc.domain.errors import (
    ForbiddenError,
    InvalidError,
    NotFoundError,
    NotNowError,
    ReviewedMeanwhileError,
    Violation,
)
from simsvc.domain.pseudonyms import Keyring, pseudonym
from simsvc.domain.review import DismissalReason
from simsvc.ports.clock import Clock
from simsvc.ports.publisher import Publisher
from simsvc.ports.record import Record

_ANALYSTS = (decisions.ASSIGN, decisions.COMMENT)


class Reviews:
    """The use case behind the calls that change a review.

    Each takes the etag that it was decided on (ReviewedMeanwhileError if it is not the present
    one), runs on the writing thread, and returns the id of the campaign to look at.
    """

    def __init__(
        self,
        stages: Stages,
        book: CampaignBook,
        membership: Membership,
        writer: Writer,
        publisher: Publisher,
        keyring: Keyring,
        clock: Clock,
    ) -> None:
        self._stages = stages
        self._book = book
        self._membership = membership
        self._writer = writer
        self._publisher = publisher
        self._keyring = keyring
        self._clock = clock

    async def assign(self, who: Principal, campaign_id: str, etag: str, assignee: str) -> str:
        """Name who looks after a campaign; "" for nobody."""
        return await self._decide(
            who, campaign_id, etag, lambda c, _: decisions.assign(c, assignee)
        )

    async def comment(self, who: Principal, campaign_id: str, etag: str, text: str) -> str:
        """Add a remark."""
        return await self._decide(who, campaign_id, etag, lambda c, _: decisions.comment(c, text))

    async def confirm(self, who: Principal, campaign_id: str, etag: str, text: str) -> str:
        """Say that a campaign is what it is reported to be."""
        return await self._decide(
            who, campaign_id, etag, lambda c, by: decisions.confirm(c, by, text)
        )

    async def dismiss(
        self, who: Principal, campaign_id: str, etag: str, reason: DismissalReason, text: str
    ) -> str:
        """Say that a campaign is none."""
        return await self._decide(
            who, campaign_id, etag, lambda c, by: decisions.dismiss(c, by, reason, text)
        )

    async def reopen(self, who: Principal, campaign_id: str, etag: str, text: str) -> str:
        """Take a judgement back."""
        return await self._decide(
            who, campaign_id, etag, lambda c, by: decisions.reopen(c, by, text)
        )

    async def exclude(
        self, who: Principal, campaign_id: str, etag: str, account_id: str, text: str
    ) -> str:
        """Take an account, named by its raw id or pseudonym, out of a campaign."""

        def decide(campaign: Campaign, by: Decider) -> Ruling:
            [account] = self._accounts([account_id])
            name = self._record.account_names([account]).get(account)
            named = pseudonym("acct", name.hash) if name else ""
            return decisions.exclude(campaign, account, named, text)

        return await self._decide(who, campaign_id, etag, decide)

    async def merge(
        self, who: Principal, campaign_id: str, etag: str, merged: Sequence[str], text: str
    ) -> str:
        """Let other campaigns become part of one."""

        def decide(campaign: Campaign, by: Decider) -> Ruling:
            return decisions.merge(campaign, self._mergeable(campaign, merged), text)

        return await self._decide(who, campaign_id, etag, decide)

    async def split(
        self, who: Principal, campaign_id: str, etag: str, account_ids: Sequence[str], text: str
    ) -> str:
        """Make a campaign of its own of some members; returns its id."""

        def decide(campaign: Campaign, by: Decider) -> Ruling:
            return decisions.split(campaign, self._accounts(account_ids), text, by.now)

        return await self._decide(who, campaign_id, etag, decide)

    async def undo(self, who: Principal, campaign_id: str, etag: str, position: int) -> str:
        """Take an entry of the audit log back."""

        def decide(campaign: Campaign, by: Decider) -> Ruling:
            entries = self._record.audit(position + 1, 1, AuditFilter(campaign_id=campaign_id))
            if not entries or entries[0].position != position:
                raise NotFoundError("review of this campaign")
            note = entries[0].note
            own = note.principal == who.name and note.action in _ANALYSTS
            if Role.REVIEWER not in who.roles and not own:
                raise ForbiddenError("needs the role reviewer, unless it is a remark of your own")
            return undo(campaign, entries[0], self._book.get)

        return await self._decide(who, campaign_id, etag, decide)

    @property
    def _record(self) -> Record:
        return self._stages.serving.record

    async def _decide(
        self,
        who: Principal,
        campaign_id: str,
        etag: str,
        decide: Callable[[Campaign, Decider], Ruling],
    ) -> str:
        def work() -> str:
            campaign = self._present(campaign_id)
            if etag != campaign.review_etag:
                raise ReviewedMeanwhileError
            now = self._clock.now()
            ruling = decide(campaign, Decider(who.name, now))
            self._carry_out(ruling, campaign_id, who.name, now)
            return ruling.about

        return await self._writer.call(work)

    def _carry_out(self, ruling: Ruling, campaign_id: str, name: str, now: int) -> None:
        events = [CampaignEvent(change, _stamped(c, now), now) for change, c in ruling.changes]
        note = AuditNote(
            now, name, ruling.action, ruling.subject, campaign_id, json.dumps(ruling.before),
            json.dumps(ruling.after), ruling.comment, ruling.undoes, json.dumps(ruling.detail),
        )  # fmt: skip
        saved = self._record.save_campaigns(events, [note])
        self._book.apply(saved)
        self._publisher.publish(saved)
        self._membership.learn(event.campaign for event in saved)

    def _present(self, campaign_id: str) -> Campaign:
        campaign = self._book.get(campaign_id)
        if campaign is None:
            raise NotFoundError("campaign")
        if campaign.state is CampaignState.MERGED:
            raise NotNowError("CAMPAIGN_MERGED", f"it is part of {campaign.merged_into} by now")
        return campaign

    def _mergeable(self, campaign: Campaign, merged: Sequence[str]) -> list[Campaign]:
        others = []
        for i, campaign_id in enumerate(merged):
            field = f"merged_campaign_ids[{i}]"
            other = self._book.get(campaign_id)
            if campaign_id == campaign.campaign_id or campaign_id in merged[:i]:
                raise InvalidError([Violation(field, "REPEATED", "is named twice")])
            if other is None or other.state is CampaignState.MERGED:
                raise InvalidError([Violation(field, "NOT_THERE", "is no campaign, or merged")])
            others.append(other)
        return others

    def _accounts(self, account_ids: Sequence[str]) -> list[int]:
        """Return references; 0 for an account that was never seen."""
        return [self._membership.find(i) or self._found(i) or 0 for i in account_ids]

    def _found(self, account_id: str) -> int | None:
        # A read for each of many members would hold up the writing thread: this is for strangers.
        hashes = self._keyring.hashes_of("acct", "account", account_id)
        return self._record.find_account(hashes)


def _stamped(campaign: Campaign, now: int) -> Campaign:
    review = replace(campaign.review, revision=campaign.review.revision + 1)
    return replace(campaign, updated_at=now, revision=campaign.revision + 1, review=review)
