"""The campaign book: findings become campaigns that keep their id as they grow and merge.

The writer's thread changes it; any thread may read. Campaigns are immutable values in dicts, so a
reader sees each one either before or after a change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from simsvc.core.detection import Detector, Finding
from simsvc.domain.campaign import (
    Campaign,
    CampaignEvent,
    CampaignState,
    Change,
    Evidence,
    Member,
    campaign_id_for,
    extent_of,
)

_LIVE = (CampaignState.OPEN, CampaignState.QUIET)


@dataclass(frozen=True, slots=True)
class CampaignRule:
    """`overlap`: share of the smaller group's accounts that makes two groups one.

    `quiet_after`: µs of traffic time without a new prompt after which a campaign is quiet.
    """

    overlap: float
    quiet_after: int


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

    def settle(self, detector: Detector) -> None:
        """Take from the members, once, after a restart, the prompts that retention has taken.

        What came on top since the last tick stays for the next one to tell.
        """
        for campaign in self.all():
            if campaign.state in _LIVE:
                members = dict(campaign.members)
                for account, part in _counted(detector, campaign.families).items():
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

    def is_reported(self, family: int) -> bool:
        """Return whether a family belongs to a campaign."""
        return family in self._by_family

    def plan(
        self, findings: Sequence[Finding], detector: Detector, now: int
    ) -> list[CampaignEvent]:
        """Return what findings change, as values; `apply` makes it so once it is in the record.

        `now` is the time of the report (µs).
        """
        draft = _Draft(self._campaigns, self._by_family, self._rule, detector, now)
        for finding in findings:
            draft.take(finding, campaign_id_for(self._generation, finding.family))
        draft.quiet(detector.latest - self._rule.quiet_after)
        return draft.events()

    def apply(self, events: Sequence[CampaignEvent]) -> None:
        """Take over changes that are in the record."""
        for event in events:
            self._put(event.campaign)

    def _put(self, campaign: Campaign) -> None:
        old = self._campaigns.get(campaign.campaign_id)
        self._campaigns[campaign.campaign_id] = campaign
        if campaign.state in _LIVE:
            self._by_family.update(dict.fromkeys(campaign.families, campaign.campaign_id))
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


class _Draft:
    """Changes of one tick, one event a campaign at the most."""

    def __init__(
        self,
        campaigns: dict[str, Campaign],
        by_family: dict[int, str],
        rule: CampaignRule,
        detector: Detector,
        now: int,
    ) -> None:
        self._campaigns = dict(campaigns)
        self._by_family = dict(by_family)
        self._rule = rule
        self._detector = detector
        self._now = now
        self._changes: dict[str, Change] = {}
        self._base = campaigns

    def take(self, finding: Finding, new_id: str) -> None:
        """Let a finding open a campaign, or grow the one it belongs to."""
        hosts = self._hosts(finding)
        if not hosts:
            self._open(finding, new_id)
            return
        first, *others = sorted(hosts, key=lambda c: (c.first_reported_at, c.campaign_id))
        change = Change.REOPENED if first.state is CampaignState.QUIET else Change.GREW
        families = (*first.families, finding.family)
        evidence = [e for e in first.evidence if e.family != finding.family]
        members = dict(first.members)
        for other in others:
            families += other.families
            evidence.extend(e for e in other.evidence if e.family != finding.family)
            members |= other.members
            gone = replace(other, state=CampaignState.MERGED, merged_into=first.campaign_id)
            self._set(gone, Change.MERGED)
        evidence.extend(finding.evidence)
        self._grow(first, change, families, tuple(evidence), members)

    def quiet(self, before: int) -> None:
        """Quiet the open campaigns whose latest prompt is older than `before`."""
        for campaign in list(self._campaigns.values()):
            if campaign.state is CampaignState.OPEN and campaign.extent.last_seen < before:
                self._set(replace(campaign, state=CampaignState.QUIET), Change.QUIETED)

    def events(self) -> list[CampaignEvent]:
        """Return the changes; a revision counts each once."""
        return [
            CampaignEvent(change, self._stamped(campaign_id), self._now)
            for campaign_id, change in self._changes.items()
        ]

    def _hosts(self, finding: Finding) -> list[Campaign]:
        actors = {m.actor for m in finding.members}
        known = self._by_family.get(finding.family)
        return [
            c
            for c in self._campaigns.values()
            if c.state in _LIVE and (c.campaign_id == known or self._overlaps(c, actors))
        ]

    def _overlaps(self, campaign: Campaign, actors: set[int]) -> bool:
        theirs = {m.actor for m in campaign.members.values()}
        shared = len(theirs & actors)
        return shared >= self._rule.overlap * min(len(theirs), len(actors))

    def _open(self, finding: Finding, campaign_id: str) -> None:
        campaign = Campaign(
            campaign_id=campaign_id,
            state=CampaignState.OPEN,
            first_reported_at=self._now,
            updated_at=self._now,
            families=(finding.family,),
            evidence=finding.evidence,
            extent=extent_of(finding.members),
            members={m.account: m for m in finding.members},
        )
        self._set(campaign, Change.OPENED)

    def _grow(
        self,
        campaign: Campaign,
        change: Change,
        families: tuple[int, ...],
        evidence: tuple[Evidence, ...],
        members: Mapping[int, Member],
    ) -> None:
        families = tuple(dict.fromkeys(families))
        joined = dict(members) | _counted(self._detector, families)
        if (families, joined) == (campaign.families, campaign.members):
            return  # A restart tests every family again.
        grown = replace(
            campaign,
            state=CampaignState.OPEN,
            families=families,
            evidence=evidence,
            members=joined,
            extent=extent_of(joined.values()),
        )
        self._set(grown, change)

    def _set(self, campaign: Campaign, change: Change) -> None:
        self._campaigns[campaign.campaign_id] = campaign
        if campaign.state in _LIVE:
            self._by_family.update(dict.fromkeys(campaign.families, campaign.campaign_id))
        earlier = self._changes.get(campaign.campaign_id)
        keep = earlier in (Change.OPENED, Change.REOPENED) and change is Change.GREW
        self._changes[campaign.campaign_id] = earlier if keep and earlier else change

    def _stamped(self, campaign_id: str) -> Campaign:
        base = self._base.get(campaign_id)
        revision = base.revision + 1 if base else 1
        return replace(self._campaigns[campaign_id], updated_at=self._now, revision=revision)


def _counted(detector: Detector, families: Iterable[int]) -> dict[int, Member]:
    """Count each account's part over all families that the detector still knows."""
    members: dict[int, Member] = {}
    for family in families:
        for part in detector.members(family):
            known = members.get(part.account)
            members[part.account] = known.joined(part) if known else part
    return members
