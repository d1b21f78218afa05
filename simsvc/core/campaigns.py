"""The campaign book: findings become campaigns that keep their id as they grow and merge.

The writer's thread changes it; any thread may read. Campaigns are immutable values in dicts, so a
reader sees each one either before or after a change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from simsvc.core.counting import counted
from simsvc.core.detection import Detector, Finding
from simsvc.core.draft import LIVE, CampaignRule, Draft, hold_families
from simsvc.domain.campaign import (
    Campaign,
    CampaignEvent,
    CampaignState,
    campaign_id_for,
    extent_of,
)

__all__ = ["CampaignBook", "CampaignRule"]


class CampaignBook:
    """All campaigns, and which accounts are in open ones."""

    def __init__(self, rule: CampaignRule, generation: str) -> None:
        self._rule = rule
        self._generation = generation
        self._campaigns: dict[str, Campaign] = {}
        self._by_family: dict[int, str] = {}
        self._open_by_account: dict[int, tuple[str, ...]] = {}

    def load(self, campaigns: Iterable[Campaign]) -> None:
        """Take over what the record holds, once, at the start."""
        for campaign in campaigns:
            self._put(campaign)

    def rebased(self, families: Mapping[int, int]) -> list[Campaign]:
        """Return campaigns as of another generation, with its `families` by those of this one.

        Merged ones too: a merge may be undone later.
        """
        return [
            replace(
                campaign,
                families=tuple(dict.fromkeys(families.get(f, f) for f in campaign.families)),
                evidence=tuple(
                    replace(e, family=families.get(e.family, e.family)) for e in campaign.evidence
                ),
            )
            for campaign in self.all()
        ]

    def take_over(self, generation: str, campaigns: Iterable[Campaign]) -> None:
        """Go on with another generation, and with `rebased` campaigns."""
        self._generation = generation
        self._by_family = {}
        for campaign in campaigns:
            self._put(campaign)

    def settle(self, detector: Detector) -> None:
        """Take from the members, once, after a restart, the prompts that retention has taken.

        What came on top since the last tick stays for the next one to tell.
        """
        for campaign in self.all():
            if campaign.state in LIVE:
                members = dict(campaign.members)
                for account, part in counted(detector, campaign.families, members).items():
                    old = members.get(account)
                    if old and part.prompts <= old.prompts and part.last_seen <= old.last_seen:
                        members[account] = part
                extent = extent_of(members.values())
                self._put(replace(campaign, members=members, extent=extent))

    def check(self, account: int) -> tuple[str, ...]:
        """Return the open campaigns that an account is in. One dict look-up."""
        return self._open_by_account.get(account, ())

    def get(self, campaign_id: str) -> Campaign | None:
        """Return a campaign."""
        return self._campaigns.get(campaign_id)

    def all(self) -> list[Campaign]:
        """Return all campaigns, latest update first."""
        return sorted(self._campaigns.copy().values(), key=lambda c: (-c.updated_at, c.campaign_id))

    def of_account(self, account: int) -> list[str]:
        """Return the campaigns that an account is or was in."""
        return [c.campaign_id for c in self.all() if account in c.members]

    def open_count(self) -> int:
        """Return how many campaigns are open."""
        return sum(1 for c in list(self._campaigns.values()) if c.state is CampaignState.OPEN)

    def suspects(self) -> set[int]:
        """Return the actors in open campaigns."""
        return {
            m.actor
            for c in list(self._campaigns.values())
            if c.state is CampaignState.OPEN
            for m in c.members.values()
        }

    def is_reported(self, family: int) -> bool:
        """Return whether a family belongs to a campaign."""
        return family in self._by_family

    def plan(
        self, findings: Sequence[Finding], detector: Detector, now: int
    ) -> list[CampaignEvent]:
        """Return what findings change, as values; `apply` makes it so once it is in the record.

        `now` is the time of the report (µs).
        """
        draft = Draft(self._campaigns, self._by_family, self._rule, detector, now)
        for finding in findings:
            draft.take(finding, campaign_id_for(self._generation, finding.key))
        draft.quiet(detector.latest - self._rule.quiet_after)
        return draft.events()

    def apply(self, events: Sequence[CampaignEvent]) -> None:
        """Take over changes that are in the record."""
        for event in events:
            self._put(event.campaign)

    def _put(self, campaign: Campaign) -> None:
        old = self._campaigns.get(campaign.campaign_id)
        self._campaigns[campaign.campaign_id] = campaign
        hold_families(self._by_family, campaign, old)
        is_open = campaign.state is CampaignState.OPEN
        touched = set(campaign.members) | set(old.members if old else ())
        for account in touched:
            ids = [i for i in self.check(account) if i != campaign.campaign_id]
            if is_open and account in campaign.members:
                ids.append(campaign.campaign_id)
            if ids:
                ids.sort(key=lambda i: (self._campaigns[i].first_reported_at, i))
                self._open_by_account[account] = tuple(ids)
            else:
                self._open_by_account.pop(account, None)
