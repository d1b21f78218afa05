"""Numbers, times and names of the contract in plain words."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp
from markupsafe import Markup

from simsvc.client import (
    AuditEntry,
    Campaign,
    CampaignChange,
    CampaignState,
    Confidence,
    DismissalReason,
    Role,
    StoredPrompt,
    TextState,
    Verdict,
)

_LEAST_LOG = -700.0
_FEW = -4.0

REASONS = {
    "shared_app": "users of one application",
    "education": "a class, a course or an exam",
    "benchmark": "people who run a public benchmark",
    "viral": "a prompt that went round",
    "one_customer": "accounts of one customer, who may",
    "internal": "our own tests, or a red team",
    "chance": "the evidence does not hold",
    "other": "something else, told in the comment",
}
_CHANGES = {
    CampaignChange.CAMPAIGN_CHANGE_OPENED: "is new",
    CampaignChange.CAMPAIGN_CHANGE_GREW: "has grown",
    CampaignChange.CAMPAIGN_CHANGE_MERGED: "became part of another",
    CampaignChange.CAMPAIGN_CHANGE_QUIETED: "went quiet",
    CampaignChange.CAMPAIGN_CHANGE_REOPENED: "is open again",
    CampaignChange.CAMPAIGN_CHANGE_SPLIT: "was split off another",
    CampaignChange.CAMPAIGN_CHANGE_REVIEWED: "was reviewed",
    CampaignChange.CAMPAIGN_CHANGE_DISMISSED: "was dismissed",
}
_BASIS = {
    "high": "what the accounts ask has one source, and an independent kind of evidence agrees",
    "medium": "what the accounts ask has one source; the second kind of evidence is weaker",
    "low": "it rests on what is asked alone: read it, act on nothing",
}


def confidence(campaign: Campaign) -> str:
    """Return how sure the report is: high, medium or low."""
    return _word(Confidence.Name(campaign.confidence), "CONFIDENCE_")


def state(campaign: Campaign) -> str:
    """Return where the campaign stands, such as open."""
    return _word(CampaignState.Name(campaign.state), "CAMPAIGN_STATE_")


def verdict(campaign: Campaign) -> str:
    """Return what people found: confirmed, dismissed, or "" for nothing yet."""
    name = _word(Verdict.Name(campaign.review.verdict), "VERDICT_")
    return name if name in ("confirmed", "dismissed") else ""


def dismissal(campaign: Campaign) -> str:
    """Return why it was dismissed, in plain words; "" if it was not."""
    name = DismissalReason.Name(campaign.review.dismissal_reason)
    return REASONS.get(_word(name, "DISMISSAL_REASON_"), "")


def basis(campaign: Campaign) -> str:
    """Return what its confidence means."""
    return _BASIS.get(confidence(campaign), "")


def change(kind: CampaignChange.ValueType) -> str:
    """Return what happened to a campaign, as the end of a sentence."""
    return _CHANGES.get(kind, "has changed")


def plain(name: str) -> str:
    """Return a name such as "shared_frame" as words."""
    return name.replace("_", " ")


def short(name: str) -> str:
    """Return enough of an id to tell it from others."""
    return name if len(name) <= 17 else f"{name[:15]}…"


def when(stamp: Timestamp) -> Markup:
    """Return a time to the minute, UTC; a dash for none."""
    if not stamp.seconds:
        return Markup("–")
    moment = stamp.ToDatetime(UTC)
    return Markup('<time datetime="{}">{}</time>').format(
        moment.isoformat(), moment.strftime("%Y-%m-%d %H:%M")
    )


def span(campaign: Campaign) -> str:
    """Return how long a campaign has lasted, in its two largest units."""
    seconds = campaign.last_seen.seconds - campaign.first_seen.seconds
    days, hours = seconds // 86_400, seconds % 86_400 // 3600
    if days:
        return f"{many(days, 'day')} {hours} h" if days < 10 else many(days, "day")
    minutes = seconds % 3600 // 60
    return f"{hours} h {minutes} min" if hours else many(minutes, "minute")


def many(count: int, noun: str) -> str:
    """Return a count with its noun, which takes an s."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def number(value: float) -> str:
    """Return a statistic with as many digits as it takes to read it."""
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def odds(log_p: float) -> Markup:
    """Return a natural-log p-value as "1 in …"; a dash where there is none."""
    if log_p >= 0:
        return Markup("–")
    power = log_p / math.log(10)
    if power > _FEW and log_p > _LEAST_LOG:
        return Markup("1 in {}").format(f"{math.exp(-log_p):,.0f}")
    return Markup("1 in 10<sup>{}</sup>").format(f"{-power:.0f}")


def share(value: float) -> str:
    """Return a share of one in per cent, without claiming to be certain."""
    if 0.995 <= value < 1:
        return "> 99 %"
    return f"{value:.0%}".replace("%", " %") if value >= 0.01 or value == 0 else "< 1 %"


def payload(prompt: StoredPrompt) -> str:
    """Return the last thing that the user said; "" where no text is there."""
    said = [m.content for m in prompt.messages if m.role == Role.ROLE_USER]
    return said[-1] if said else ""


def hidden(prompt: StoredPrompt) -> str:
    """Return why a text cannot be shown; "" if it can."""
    if prompt.text_state == TextState.TEXT_STATE_NOT_STORED:
        return "this server does not store texts"
    if prompt.text_state == TextState.TEXT_STATE_KEY_MISSING:
        return "encrypted under a key that the server no longer has"
    return ""


def role(value: Role.ValueType) -> str:
    """Return who speaks in a message."""
    return _word(Role.Name(value), "ROLE_")


def changes(entry: AuditEntry) -> list[str]:
    """Return what an entry of the audit log changed, as "what: before → after"."""
    before, after = _values(entry.before), _values(entry.after)
    return [
        f"{plain(key)}: {_shown(before.get(key))} → {_shown(after.get(key))}"
        for key in dict.fromkeys((*before, *after))
        if before.get(key) != after.get(key)
    ]


def millis(stamp: Timestamp) -> int:
    """Return a time in milliseconds since the epoch, as charts take it."""
    return stamp.seconds * 1000 + stamp.nanos // 1_000_000


def clock(moment: datetime | None) -> str:
    """Return a time to the minute, UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M") if moment else "–"


def _values(text: str) -> dict[str, object]:
    values: dict[str, object] = json.loads(text) if text else {}
    return values


def _shown(value: object) -> str:
    match value:
        case None | "" | []:
            return "–"
        case list():
            return ", ".join(short(str(item)) for item in value)
        case _:
            return plain(str(value).lower()) if isinstance(value, bool) else str(value)


def _word(name: str, prefix: str) -> str:
    return name.removeprefix(prefix).lower()
