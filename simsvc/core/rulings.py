"""What a decision makes of campaigns, as plain values; nothing here is recorded yet."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter

import numpy as np

from simsvc.core.finding import Finding
from simsvc.domain.campaign import Campaign, CampaignState, extent_of
from simsvc.domain.review import Review, Verdict

# A signal that was not there when a campaign was dismissed must be this unlikely.
_NEW_SIGNAL = math.log(1e-6)
# A campaign that only goes on is told of again when it has so much more, or after this time (µs).
_MUCH, _LONG = 1.1, 600_000_000


@dataclass(frozen=True, slots=True)
class Renewal:
    """New accounts from which a dismissed campaign is worth another look.

    At least `accounts` of them, and at least the share `share` of those it had.
    """

    accounts: int = 10
    share: float = 0.5


def news(campaign: Campaign, finding: Finding, rule: Renewal) -> tuple[str, ...]:
    """Say what a finding holds that was not known when its campaign was dismissed."""
    told = []
    out = campaign.review.excluded
    joined = {m.account for m in finding.members} - campaign.members.keys() - out
    known = len(campaign.members)
    if len(joined) >= max(rule.accounts, rule.share * known):
        told.append(f"{len(joined)} accounts have joined the {known} that were known")
    signals = {e.signal for e in campaign.evidence}
    for evidence in finding.evidence:
        if evidence.signal not in signals and evidence.log_p < _NEW_SIGNAL:
            told.append(f"new kind of evidence, {evidence.signal}: {evidence.description}")
    if finding.confidence > campaign.confidence:
        before, after = campaign.confidence.name.lower(), finding.confidence.name.lower()
        told.append(f"the evidence is now of {after} confidence; it was {before}")
    return tuple(told)


def only_goes_on(before: Campaign, after: Campaign, now: int) -> bool:
    """Return whether all that is new is a few prompts of the same accounts.

    Each change is kept, and told to whoever watches: a large campaign changes with every tick.
    """
    what = attrgetter("families", "state", "confidence", "tactics", "review")
    fewer, more = sorted((before.extent.prompts, after.extent.prompts))
    return (
        what(before) == what(after)
        and before.members.keys() == after.members.keys()
        and {e.signal for e in before.evidence} == {e.signal for e in after.evidence}
        and more < _MUCH * fewer
        and now - before.updated_at < _LONG
    )


def returned(campaign: Campaign, new: tuple[str, ...]) -> Campaign:
    """Return a dismissed campaign as one that nobody has judged, with what is new."""
    review = campaign.review
    return replace(
        campaign,
        state=CampaignState.OPEN,
        review=Review(
            assignee=review.assignee,
            excluded=review.excluded,
            apart=review.apart,
            news=new,
            revision=review.revision + 1,
        ),
    )


def merged_into(campaign: Campaign, host: Campaign) -> Campaign:
    """Return a campaign whose accounts are now part of another one."""
    return replace(campaign, state=CampaignState.MERGED, merged_into=host.campaign_id)


def absorbed(first: Campaign, other: Campaign) -> Campaign:
    """Return a campaign with all of another one; its extent is left to whoever counts members."""
    known = {(e.signal, e.family) for e in first.evidence}
    more = (e for e in other.evidence if (e.signal, e.family) not in known)
    return replace(
        first,
        families=tuple(dict.fromkeys(first.families + other.families)),
        evidence=(*first.evidence, *more),
        members=dict(other.members) | dict(first.members),
        confidence=max(first.confidence, other.confidence),
        tactics=tuple(dict.fromkeys(first.tactics + other.tactics)),
        source=_both_sources(first, other),
        review=_both_reviews(first, other),
    )


def _both_sources(first: Campaign, other: Campaign) -> bytes:
    # Parts of one campaign have much of it in common, and may come together again and again.
    named = np.frombuffer(first.source + other.source, "<i8")
    return np.unique(named).astype("<i8").tobytes()


def _both_reviews(first: Campaign, other: Campaign) -> Review:
    mine, theirs = first.review, other.review
    told = mine.news
    if theirs.verdict is Verdict.CONFIRMED and mine.verdict is not Verdict.CONFIRMED:
        told = (*told, _confirmed_part(other))
    return replace(
        mine,
        assignee=mine.assignee or theirs.assignee,
        excluded=mine.excluded | (theirs.excluded - first.members.keys()),
        apart=(mine.apart | theirs.apart) - {first.campaign_id, other.campaign_id},
        news=told,
    )


def _confirmed_part(other: Campaign) -> str:
    return f"{other.campaign_id}, which was confirmed, is now part of it"


def of_both(first: Campaign, others: Sequence[Campaign]) -> list[int]:
    """Return seqs of prompts that a campaign rests on, and one of others too."""
    theirs = b"".join(other.source for other in others)
    both = np.intersect1d(np.frombuffer(first.source, "<i8"), np.frombuffer(theirs, "<i8"))
    return [int(seq) for seq in both]


def own_source(whole: Campaign, others: Sequence[Campaign], both: Sequence[int]) -> bytes:
    """Return what a campaign rests on without what others brought; `both` was its own too."""
    theirs = np.frombuffer(b"".join(other.source for other in others), "<i8")
    brought = np.setdiff1d(theirs, np.array(both, "<i8"))
    left = np.setdiff1d(np.frombuffer(whole.source, "<i8"), brought)
    return left.astype("<i8").tobytes()


def own_review(
    whole: Campaign, others: Sequence[Campaign], before: Review, members: Collection[int]
) -> Review:
    """Return a review without what others brought; what people have decided since stays.

    `before` and `members` are the review and the accounts of the campaign before the merge.
    """
    now = whole.review
    named = next((o.review.assignee for o in others if o.review.assignee), "")
    inherited = not before.assignee and now.assignee == named
    excluded = {a for o in others for a in o.review.excluded} - before.excluded - set(members)
    apart = {name for o in others for name in o.review.apart} - before.apart
    news = {_confirmed_part(o) for o in others} - set(before.news)
    return replace(
        now,
        assignee="" if inherited else now.assignee,
        excluded=now.excluded - excluded,
        apart=now.apart - apart,
        news=tuple(text for text in now.news if text not in news),
    )


def merged(first: Campaign, others: Iterable[Campaign]) -> Campaign:
    """Return a campaign with all of others, counted."""
    for other in others:
        # A reviewer's word is above what was kept apart before.
        theirs = {m for m in other.members if m in first.review.excluded}
        review = replace(first.review, excluded=first.review.excluded - theirs)
        first = absorbed(replace(first, review=review), other)
    return replace(first, extent=extent_of(first.members.values()))


def kept_apart(one: Campaign, other: Campaign) -> tuple[Campaign, Campaign]:
    """Return two campaigns that the detector is not to mix again: each excludes the other's."""
    return _without(one, other), _without(other, one)


def _without(campaign: Campaign, other: Campaign) -> Campaign:
    review = campaign.review
    return replace(
        campaign,
        review=replace(
            review,
            excluded=review.excluded | (other.members.keys() - campaign.members.keys()),
            apart=review.apart | {other.campaign_id},
        ),
    )


def brought_together(campaign: Campaign, other: Campaign) -> Campaign:
    """Return a campaign without the walls to another one."""
    review = campaign.review
    return replace(
        campaign,
        review=replace(
            review,
            excluded=review.excluded - other.members.keys(),
            apart=review.apart - {other.campaign_id},
        ),
    )


def readmitted(campaign: Campaign, accounts: Collection[int]) -> Campaign:
    """Return a campaign that accounts may join again."""
    review = campaign.review
    return replace(campaign, review=replace(review, excluded=review.excluded - set(accounts)))


def part_of(campaign: Campaign, accounts: Collection[int], now: int) -> Campaign:
    """Return some accounts of a campaign as one of their own, reported at `now` (µs).

    It is judged by nobody: a part of a dismissed one is open.
    """
    members = {a: m for a, m in campaign.members.items() if a in accounts}
    name = f"{campaign.campaign_id}/{campaign.review.revision}/{sorted(members)}"
    digest = hashlib.blake2b(name.encode(), digest_size=8)
    dismissed = campaign.state is CampaignState.DISMISSED
    return replace(
        campaign,
        campaign_id=f"cmp_{digest.hexdigest()}",
        state=CampaignState.OPEN if dismissed else campaign.state,
        first_reported_at=now,
        members=members,
        extent=extent_of(members.values()),
        # Families stay with the part that is left, which new accounts join.
        families=(),
        revision=0,
        review=Review(assignee=campaign.review.assignee),
        split_from=campaign.campaign_id,
    )


def without_accounts(campaign: Campaign, accounts: Collection[int]) -> Campaign:
    """Return a campaign that some accounts do not belong to; at least one other must."""
    members = {a: m for a, m in campaign.members.items() if a not in accounts}
    review = replace(campaign.review, excluded=campaign.review.excluded | frozenset(accounts))
    return replace(campaign, members=members, extent=extent_of(members.values()), review=review)
