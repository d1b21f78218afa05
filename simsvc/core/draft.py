"""One tick's findings worked into the campaigns, before any of it is recorded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from simsvc.core.counting import both, counted
from simsvc.core.detection import Detector, Finding
from simsvc.core.rulings import Renewal, absorbed, merged_into, news, only_goes_on, returned
from simsvc.domain.campaign import (
    Campaign,
    CampaignEvent,
    CampaignState,
    Change,
    Member,
    extent_of,
)
from simsvc.domain.verdict import Confidence

LIVE = (CampaignState.OPEN, CampaignState.QUIET)
# What a finding may belong to.
HELD = (*LIVE, CampaignState.DISMISSED)
_APART = 0.2
# Share of the larger group that two must have in common: a pair of accounts joins nothing.
_LEAST_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class CampaignRule:
    """`overlap`: share of the smaller group's accounts that makes two groups one.

    `quiet_after`: µs of traffic time without a new prompt after which a campaign is quiet. See
    `Renewal` for `renewal`.
    """

    overlap: float
    quiet_after: int
    renewal: Renewal = field(default_factory=Renewal)


class Draft:
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
        # Members that findings about accounts gave to campaigns in this tick.
        self._taken: dict[str, dict[int, Member]] = {}
        self._base = campaigns

    def take(self, finding: Finding, new_id: str) -> None:
        """Let a finding open a campaign, or grow the one it belongs to."""
        hosts = self._hosts(finding)
        live = [c for c in hosts if c.state in LIVE]
        if live:
            self._take_into(live, finding, new_id)
        elif hosts:
            first, *others = _oldest(hosts)
            self._return(first, _without(finding, others), finding)
        else:
            self._open(finding, new_id, Change.OPENED, "")

    def _take_into(self, hosts: Iterable[Campaign], finding: Finding, new_id: str) -> None:
        first, *others = _oldest(hosts)
        if self._splits(first, finding):
            self._open(finding, new_id, Change.SPLIT, first.campaign_id)
            return
        change = Change.REOPENED if first.state is CampaignState.QUIET else Change.GREW
        for other in others:
            if other.campaign_id in self._apart(first) or first.campaign_id in self._apart(other):
                self._grow(other, Change.GREW, _within(finding, other), within=True)
            else:
                self._set(merged_into(other, first), Change.MERGED)
                first = absorbed(first, other)
        self._grow(first, change, finding)

    def _return(self, campaign: Campaign, unknown: Finding, finding: Finding) -> None:
        """Open a dismissed campaign again, if the finding holds what its reviewer did not know.

        `unknown` is what it says of accounts in no other dismissed one.
        """
        new = () if finding.withdrawn else news(campaign, unknown, self._rule.renewal)
        if new:
            self._grow(returned(campaign, new), Change.REOPENED, finding)

    def _splits(self, host: Campaign, finding: Finding) -> bool:
        """Tell whether a part of a campaign that another finding of this tick carries on is new."""
        taken = self._taken.get(host.campaign_id)
        if not taken or finding.family:
            return False
        mine = {m.account for m in finding.members}
        return len(mine & taken.keys()) < _APART * min(len(mine), len(taken))

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
        known = self._by_family.get(finding.family) if finding.family else None
        return [
            c
            for c in self._campaigns.values()
            if c.state in HELD and (c.campaign_id == known or self._overlaps(c, actors))
        ]

    def _overlaps(self, campaign: Campaign, actors: set[int]) -> bool:
        # Those that this tick has let go of too: the part that they make is split from it.
        before = self._base.get(campaign.campaign_id, campaign)
        theirs = {m.actor for c in (campaign, before) for m in c.members.values()}
        shared = len(theirs & actors)
        smaller, larger = sorted((len(theirs), len(actors)))
        return shared >= self._rule.overlap * smaller and shared >= _LEAST_SHARE * larger

    def _open(self, finding: Finding, campaign_id: str, change: Change, split_from: str) -> None:
        if campaign_id in self._campaigns:
            # Its name is taken by a campaign that has moved on.
            campaign_id = f"{campaign_id}_{len(self._campaigns)}"
        campaign = Campaign(
            campaign_id=campaign_id,
            state=CampaignState.OPEN,
            first_reported_at=self._now,
            updated_at=self._now,
            families=_families(finding),
            evidence=finding.evidence,
            extent=extent_of(finding.members),
            members={m.account: m for m in finding.members},
            confidence=finding.confidence,
            tactics=finding.tactics,
            coverage=finding.coverage,
            next_steps=finding.next_steps,
            representatives=finding.representatives,
            split_from=split_from,
            source=finding.source,
        )
        self._taken[campaign_id] = dict(campaign.members)
        self._set(campaign, change)

    def _apart(self, campaign: Campaign) -> set[str]:
        """Return what a campaign is not to be merged with: what those have become part of too."""
        return {self._now_part_of(name) for name in campaign.review.apart}

    def _now_part_of(self, campaign_id: str) -> str:
        while (held := self._campaigns.get(campaign_id)) and held.merged_into:
            campaign_id = held.merged_into
        return campaign_id

    def _out(self, campaign: Campaign) -> set[int]:
        """Return accounts that people keep out of a campaign."""
        apart = [self._campaigns[i] for i in self._apart(campaign) if i in self._campaigns]
        theirs = {a for c in apart if c.state in HELD for a in c.members}
        return (theirs - campaign.members.keys()) | campaign.review.excluded

    def _grow(
        self, campaign: Campaign, change: Change, finding: Finding, *, within: bool = False
    ) -> None:
        """Let a finding change a campaign; `within` its members, when others join another one."""
        new = () if within else _families(finding)
        families = tuple(dict.fromkeys((*campaign.families, *new)))
        members = self._members(campaign, (*families, *_families(finding)), finding)
        if within:
            members = {a: m for a, m in members.items() if a in campaign.members}
        held = self._campaigns[campaign.campaign_id]
        same = (families, members, campaign.review) == (held.families, held.members, held.review)
        if not members or (same and not finding.withdrawn):
            return  # A restart tests every family again.
        kept = [e for e in campaign.evidence if e.family != finding.family]
        of_accounts = not finding.family
        grown = replace(
            campaign,
            state=CampaignState.OPEN,
            families=families,
            evidence=(*finding.evidence, *kept) if of_accounts else (*kept, *finding.evidence),
            members=members,
            extent=extent_of(members.values()),
            confidence=_confidence(campaign, finding),
            tactics=_tactics(campaign, finding),
            coverage=finding.coverage or campaign.coverage,
            next_steps=finding.next_steps if of_accounts else campaign.next_steps,
            representatives=finding.representatives if of_accounts else campaign.representatives,
            source=finding.source if of_accounts else campaign.source,
        )
        told = campaign.campaign_id in self._changes or finding.withdrawn
        if change is Change.GREW and not told and only_goes_on(held, grown, self._now):
            return
        self._set(grown, change)

    def _members(
        self, campaign: Campaign, families: Sequence[int], finding: Finding
    ) -> dict[int, Member]:
        """Return who belongs now: a finding about accounts may let go of some."""
        out = self._out(campaign)
        families = tuple(dict.fromkeys(families))
        found = {m.account: m for m in finding.members if m.account not in out}
        taken = self._taken.setdefault(campaign.campaign_id, {})
        if finding.family:
            now = counted(self._detector, families, campaign.members)
            return {a: p for a, p in (dict(campaign.members) | now).items() if a not in out}
        taken |= found
        of_families = counted(self._detector, families, {})
        of_families = {a: part for a, part in of_families.items() if a not in out}
        return of_families | {a: both(of_families.get(a), part) for a, part in taken.items()}

    def _set(self, campaign: Campaign, change: Change) -> None:
        before = self._campaigns.get(campaign.campaign_id)
        self._campaigns[campaign.campaign_id] = campaign
        hold_families(self._by_family, campaign, before)
        earlier = self._changes.get(campaign.campaign_id)
        keep = earlier in (Change.OPENED, Change.REOPENED, Change.SPLIT) and change is Change.GREW
        self._changes[campaign.campaign_id] = earlier if keep and earlier else change

    def _stamped(self, campaign_id: str) -> Campaign:
        base = self._base.get(campaign_id)
        revision = base.revision + 1 if base else 1
        return replace(self._campaigns[campaign_id], updated_at=self._now, revision=revision)


def hold_families(by_family: dict[int, str], campaign: Campaign, before: Campaign | None) -> None:
    """Note which campaign a family belongs to; one that was split off does not take it over.

    `before` is what the campaign was: it lets go of families that it does not hold any more.
    """
    for family in before.families if before else ():
        kept = campaign.state in HELD and family in campaign.families
        if by_family.get(family) == campaign.campaign_id and not kept:
            del by_family[family]
    if campaign.state in HELD:
        for family in campaign.families:
            if by_family.get(family, "") not in campaign.review.apart:
                by_family[family] = campaign.campaign_id


def _oldest(campaigns: Iterable[Campaign]) -> list[Campaign]:
    return sorted(campaigns, key=lambda c: (c.first_reported_at, c.campaign_id))


def _within(finding: Finding, campaign: Campaign) -> Finding:
    """Return what a finding says of a campaign's own members."""
    return replace(
        finding, members=tuple(m for m in finding.members if m.account in campaign.members)
    )


def _without(finding: Finding, others: Iterable[Campaign]) -> Finding:
    """Return what a finding says of accounts that are in none of these campaigns."""
    known = {account for other in others for account in other.members}
    return replace(finding, members=tuple(m for m in finding.members if m.account not in known))


def _families(finding: Finding) -> tuple[int, ...]:
    return (finding.family,) if finding.family else ()


def _confidence(campaign: Campaign, finding: Finding) -> Confidence:
    """A finding that is taken back leaves what families of near-duplicates are evidence for."""
    if finding.withdrawn:
        return Confidence.MEDIUM if campaign.families else Confidence.LOW
    return max(campaign.confidence, finding.confidence)


def _tactics(campaign: Campaign, finding: Finding) -> tuple[str, ...]:
    """A finding about accounts names the tactics anew; families only add theirs."""
    if finding.family:
        return tuple(dict.fromkeys((*campaign.tactics, *finding.tactics)))
    kept = (t for t in campaign.tactics if campaign.families and t == "variations_of_one_prompt")
    return tuple(dict.fromkeys((*finding.tactics, *kept)))
