"""Each kind of decision about a campaign: what it changes, and what the audit log says of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from simsvc.core.rulings import (
    brought_together,
    kept_apart,
    merged,
    merged_into,
    of_both,
    part_of,
    without_accounts,
)
from simsvc.domain.campaign import Campaign, CampaignState, Change, extent_of
from simsvc.domain.errors import InvalidError, NotNowError, Violation
from simsvc.domain.review import DismissalReason, Review, Verdict

ASSIGN, COMMENT, CONFIRM, DISMISS, REOPEN = "assign", "comment", "confirm", "dismiss", "reopen"
EXCLUDE, MERGE, SPLIT = "exclude", "merge", "split"
VERDICTS = (CONFIRM, DISMISS, REOPEN)


@dataclass(frozen=True, slots=True)
class Ruling:
    """A decision: changed campaigns, each with its kind of change, and what to note.

    `about` is the id of the campaign to answer with. `before` and `after` are for people, `detail`
    is what undoing it takes.
    """

    action: str
    changes: tuple[tuple[Change, Campaign], ...]
    about: str
    subject: str = ""
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    detail: Mapping[str, Any] = field(default_factory=dict)
    comment: str = ""
    undoes: int = 0


@dataclass(frozen=True, slots=True)
class Decider:
    """Who decides, and when (µs)."""

    name: str
    now: int


def assign(campaign: Campaign, assignee: str) -> Ruling:
    """Name who looks after a campaign."""
    review = replace(campaign.review, assignee=assignee)
    return Ruling(
        ASSIGN,
        ((Change.REVIEWED, replace(campaign, review=review)),),
        campaign.campaign_id,
        before={"assignee": campaign.review.assignee},
        after={"assignee": assignee},
    )


def comment(campaign: Campaign, text: str) -> Ruling:
    """Add a remark, which only the log holds."""
    return Ruling(
        COMMENT, ((Change.REVIEWED, campaign),), campaign.campaign_id, comment=text
    )  # fmt: skip


def confirm(campaign: Campaign, who: Decider, text: str) -> Ruling:
    """Say that a campaign is what it is reported to be."""
    if campaign.review.verdict is Verdict.CONFIRMED:
        raise NotNowError("CONFIRMED_ALREADY", "the campaign is confirmed already")
    state = _awake(campaign)
    return _judged(CONFIRM, campaign, state, Verdict.CONFIRMED, None, who, text)


def dismiss(campaign: Campaign, who: Decider, reason: DismissalReason, text: str) -> Ruling:
    """Say that a campaign is none."""
    if campaign.state is CampaignState.DISMISSED:
        raise NotNowError("DISMISSED_ALREADY", "the campaign is dismissed already")
    if reason is DismissalReason.OTHER and not text.strip():
        raise InvalidError([Violation("comment", "REQUIRED", "must tell the reason OTHER")])
    state = CampaignState.DISMISSED
    return _judged(DISMISS, campaign, state, Verdict.DISMISSED, reason, who, text)


def reopen(campaign: Campaign, who: Decider, text: str) -> Ruling:
    """Take a judgement back."""
    if campaign.review.verdict is Verdict.NONE:
        raise NotNowError("NOT_JUDGED", "the campaign is neither confirmed nor dismissed")
    return _judged(REOPEN, campaign, _awake(campaign), Verdict.NONE, None, who, text)


def exclude(campaign: Campaign, account: int, name: str, text: str) -> Ruling:
    """Take an account out. `name` is its pseudonym."""
    member = campaign.members.get(account)
    if member is None:
        raise InvalidError([Violation("account_id", "NOT_A_MEMBER", "is not in the campaign")])
    if len(campaign.members) == 1:
        raise NotNowError("LAST_MEMBER", "no account would be left: dismiss the campaign")
    left = without_accounts(campaign, {account})
    return Ruling(
        EXCLUDE,
        ((Change.REVIEWED, left),),
        campaign.campaign_id,
        subject=name,
        before={"accounts": len(campaign.members)},
        after={"accounts": len(left.members)},
        detail={"member": asdict(member)},
        comment=text,
    )


def merge(campaign: Campaign, others: Sequence[Campaign], text: str) -> Ruling:
    """Let others become part of a campaign."""
    whole = merged(brought_all(campaign, others), others)
    gone = tuple((Change.MERGED, merged_into(other, campaign)) for other in others)
    return Ruling(
        MERGE,
        ((Change.REVIEWED, whole), *gone),
        campaign.campaign_id,
        subject=",".join(other.campaign_id for other in others),
        before={"accounts": len(campaign.members)},
        after={"accounts": len(whole.members)},
        detail={
            "members": sorted(campaign.members),
            "others": {other.campaign_id: int(other.state) for other in others},
            "families": campaign.families,
            "evidence": [[e.signal, e.family] for e in campaign.evidence],
            "confidence": int(campaign.confidence),
            "tactics": campaign.tactics,
            "review": _inheritable(campaign.review),
            "of_both": of_both(campaign, others),
        },
        comment=text,
    )


def split(campaign: Campaign, accounts: Sequence[int], text: str, now: int) -> Ruling:
    """Make a campaign of its own of some members."""
    strangers = [i for i, a in enumerate(accounts) if a not in campaign.members]
    if strangers:
        raise InvalidError(
            [
                Violation(f"account_ids[{i}]", "NOT_A_MEMBER", "is not in the campaign")
                for i in strangers
            ]
        )
    if len(set(accounts)) == len(campaign.members):
        raise InvalidError([Violation("account_ids", "ALL_MEMBERS", "leaves nobody behind")])
    part = part_of(campaign, set(accounts), now)
    rest, part = kept_apart(without_accounts(campaign, set(accounts)), part)
    return Ruling(
        SPLIT,
        ((Change.SPLIT, part), (Change.REVIEWED, rest)),
        part.campaign_id,
        subject=part.campaign_id,
        before={"accounts": len(campaign.members)},
        after={"accounts": len(rest.members), "split": len(part.members)},
        detail={
            "part": part.campaign_id,
            "accounts": sorted(part.members),
            "rest": sorted(rest.members),
        },
        comment=text,
    )


def brought_all(campaign: Campaign, others: Sequence[Campaign]) -> Campaign:
    """Return a campaign without walls to others."""
    for other in others:
        campaign = brought_together(campaign, other)
    return campaign


def restored(values: Mapping[str, Any], review: Review) -> Review:
    """Return a review with the judgement that `judgement` noted."""
    reason = values["reason"]
    return replace(
        review,
        verdict=Verdict(values["verdict"]),
        reason=None if reason is None else DismissalReason(reason),
        comment=values["comment"],
        by=values["by"],
        at=values["at"],
        news=tuple(values["news"]),
    )


def recount(campaign: Campaign, members: Mapping[int, Any]) -> Campaign:
    """Return a campaign with other members."""
    return replace(campaign, members=members, extent=extent_of(members.values()))


def _judged(
    action: str,
    campaign: Campaign,
    state: CampaignState,
    verdict: Verdict,
    reason: DismissalReason | None,
    who: Decider,
    text: str,
) -> Ruling:
    old = campaign.review
    review = replace(
        old, verdict=verdict, reason=reason, comment=text, by=who.name, at=who.now, news=()
    )
    dismissed = CampaignState.DISMISSED
    change = Change.REVIEWED
    if state is dismissed:
        change = Change.DISMISSED
    elif campaign.state is dismissed:
        change = Change.REOPENED
    return Ruling(
        action,
        ((change, replace(campaign, state=state, review=review)),),
        campaign.campaign_id,
        before=_told(old, campaign.state),
        after=_told(review, state),
        detail={"state": int(campaign.state), "judgement": _judgement(old)},
        comment=text,
    )


def _awake(campaign: Campaign) -> CampaignState:
    return CampaignState.OPEN if campaign.state is CampaignState.DISMISSED else campaign.state


def _judgement(review: Review) -> dict[str, Any]:
    names = ("verdict", "reason", "comment", "by", "at", "news")
    return {name: getattr(review, name) for name in names}


def _inheritable(review: Review) -> dict[str, Any]:
    """Return what a merge may add to."""
    return {
        "assignee": review.assignee,
        "excluded": sorted(review.excluded),
        "apart": sorted(review.apart),
        "news": review.news,
    }


def _told(review: Review, state: CampaignState) -> dict[str, Any]:
    reason = review.reason.name.lower() if review.reason else None
    return {"verdict": review.verdict.name.lower(), "reason": reason, "state": state.name.lower()}
