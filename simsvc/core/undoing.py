"""Taking a decision back: only where what it made is still there."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from simsvc.core.decisions import (
    ASSIGN,
    COMMENT,
    EXCLUDE,
    MERGE,
    SPLIT,
    VERDICTS,
    Ruling,
    brought_all,
    recount,
    restored,
)
from simsvc.core.rulings import (
    kept_apart,
    merged,
    merged_into,
    own_review,
    own_source,
    readmitted,
)
from simsvc.domain.audit import AuditEntry
from simsvc.domain.campaign import Campaign, CampaignState, Change, Member
from simsvc.domain.errors import NotNowError
from simsvc.domain.review import Review
from simsvc.domain.verdict import Confidence

UNDO = "undo"
Get = Callable[[str], Campaign | None]
Json = Mapping[str, Any]


def undo(campaign: Campaign, entry: AuditEntry, get: Get) -> Ruling:
    """Return the ruling that takes an entry back. NotNowError if it cannot be.

    `get` returns other campaigns by id.
    """
    if entry.undone_by:
        raise NotNowError("UNDONE_ALREADY", "the review has been undone already")
    if campaign.state is CampaignState.MERGED:
        raise NotNowError("CAMPAIGN_MERGED", f"it is part of {campaign.merged_into} by now")
    changes = _changes(campaign, entry, get)
    note = entry.note
    return Ruling(
        UNDO,
        changes,
        campaign.campaign_id,
        subject=note.action,
        before=json.loads(note.after),
        after=json.loads(note.before),
        undoes=entry.position,
    )


def is_undoable(campaign: Campaign, entry: AuditEntry, get: Get) -> bool:
    """Return whether `undo` would take it back."""
    try:
        undo(campaign, entry, get)
    except NotNowError:
        return False
    return True


def _changes(
    campaign: Campaign, entry: AuditEntry, get: Get
) -> tuple[tuple[Change, Campaign], ...]:
    note = entry.note
    detail: Json = json.loads(note.detail or "{}")
    match note.action:
        case _ if note.action in VERDICTS:
            return (_unjudged(campaign, entry, detail),)
        case _ if note.action == ASSIGN:
            return (_unassigned(campaign, json.loads(note.before), json.loads(note.after)),)
        case _ if note.action == COMMENT:
            return ((Change.REVIEWED, campaign),)
        case _ if note.action == EXCLUDE:
            return (_included(campaign, Member(**_member(detail["member"]))),)
        case _ if note.action == MERGE:
            return _unmerged(campaign, detail, get)
        case _ if note.action == SPLIT:
            return _joined(campaign, get(detail["part"]), detail)
    raise NotNowError("NOT_A_REVIEW", f"an entry of the kind {note.action} cannot be undone")


def _unjudged(campaign: Campaign, entry: AuditEntry, detail: Json) -> tuple[Change, Campaign]:
    review = campaign.review
    if (review.at, review.by) != (entry.note.at, entry.note.principal):
        raise NotNowError("JUDGED_SINCE", "the campaign has been judged again since, or came back")
    state = CampaignState(detail["state"])
    change = Change.REVIEWED
    if state is CampaignState.DISMISSED:
        change = Change.DISMISSED
    elif campaign.state is CampaignState.DISMISSED:
        change = Change.REOPENED
    else:
        state = campaign.state  # It may have become quiet since, or come back.
    judged = restored(detail["judgement"], review)
    return change, replace(campaign, state=state, review=judged)


def _unassigned(campaign: Campaign, before: Json, after: Json) -> tuple[Change, Campaign]:
    review = campaign.review
    if review.assignee != after["assignee"]:
        raise NotNowError("ASSIGNED_SINCE", "somebody else has been named since")
    return Change.REVIEWED, replace(campaign, review=replace(review, assignee=before["assignee"]))


def _included(campaign: Campaign, member: Member) -> tuple[Change, Campaign]:
    review = campaign.review
    if member.account not in review.excluded:
        raise NotNowError("NOT_EXCLUDED", "the account is not excluded any more")
    back = recount(campaign, dict(campaign.members) | {member.account: member})
    excluded = review.excluded - {member.account}
    return Change.REVIEWED, replace(back, review=replace(review, excluded=excluded))


def _unmerged(campaign: Campaign, detail: Json, get: Get) -> tuple[tuple[Change, Campaign], ...]:
    before = set(detail["members"])
    others = []
    for campaign_id, state in detail["others"].items():
        other = get(campaign_id)
        if other is None or other.merged_into != campaign.campaign_id:
            raise NotNowError("CHANGED_SINCE", f"{campaign_id} is part of it no more")
        others.append(replace(other, state=CampaignState(state), merged_into=""))
    theirs = {a for other in others for a in other.members} - before
    left = {a: m for a, m in campaign.members.items() if a not in theirs}
    if not left:
        raise NotNowError("CHANGED_SINCE", "no account of the campaign itself is left")
    known = {(signal, family) for signal, family in detail["evidence"]}
    added = {(e.signal, e.family) for other in others for e in other.evidence} - known
    families = {f for other in others for f in other.families} - set(detail["families"])
    host = replace(
        recount(_disinherited(campaign, others, detail), left),
        evidence=tuple(e for e in campaign.evidence if (e.signal, e.family) not in added),
        families=tuple(f for f in campaign.families if f not in families),
        confidence=Confidence(detail["confidence"]),
        tactics=tuple(detail["tactics"]),
    )
    parts = []
    for other in others:
        host, part = kept_apart(host, other)
        parts.append((Change.REOPENED, part))
    return ((Change.REVIEWED, host), *parts)


def _disinherited(campaign: Campaign, others: Sequence[Campaign], detail: Json) -> Campaign:
    """Return a campaign without what it has of others' reviews and sources."""
    if "review" not in detail:
        return campaign  # Merged by an older version, which did not note them.
    old = detail["review"]
    before = Review(
        assignee=old["assignee"],
        excluded=frozenset(old["excluded"]),
        apart=frozenset(old["apart"]),
        news=tuple(old["news"]),
    )
    return replace(
        campaign,
        source=own_source(campaign, others, detail["of_both"]),
        review=own_review(campaign, others, before, detail["members"]),
    )


def _joined(
    campaign: Campaign, part: Campaign | None, detail: Json
) -> tuple[tuple[Change, Campaign], ...]:
    if part is None or part.state is CampaignState.MERGED:
        raise NotNowError("CHANGED_SINCE", "what was split off is part of another campaign by now")
    # The walls between them hold back accounts too that the detector has let go of since.
    rest = readmitted(campaign, detail.get("accounts", ()))
    part = readmitted(part, detail.get("rest", ()))
    whole = merged(brought_all(rest, [part]), [part])
    return (Change.REVIEWED, whole), (Change.MERGED, merged_into(part, campaign))


def _member(values: Json) -> dict[str, Any]:
    return dict(values) | {"reasons": tuple(values["reasons"])}
