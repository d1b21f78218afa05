"""Campaigns: what they hold and what can happen to them. Times are µs since the epoch."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from simsvc.domain.review import Review
from simsvc.domain.signals.coverage import Coverage
from simsvc.domain.verdict import Confidence

_DAY = 86_400_000_000


class CampaignState(enum.IntEnum):
    """The numbers are those of the wire."""

    OPEN = 1
    QUIET = 2
    MERGED = 3
    DISMISSED = 4


class Change(enum.IntEnum):
    """What happened to a campaign; the numbers are those of the wire."""

    OPENED = 1
    GREW = 2
    MERGED = 3
    QUIETED = 4
    REOPENED = 5
    SPLIT = 6
    REVIEWED = 7
    DISMISSED = 8


@dataclass(frozen=True, slots=True)
class Evidence:
    """One claim with its number and its null; `log_p` is a natural logarithm.

    `family` is the family of near-duplicates that it speaks of, and `seqs` are prompts of it.
    """

    signal: str
    description: str
    value: float
    expected: float
    log_p: float
    family: int
    seqs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Member:
    """An account's part in a campaign. `actor` is shared by accounts of one organisation.

    `probability` is the chance that it belongs there rather than stands by; `reasons` say why.
    """

    account: int
    actor: int
    first_seen: int
    last_seen: int
    prompts: int
    probability: float = 1.0
    reasons: tuple[str, ...] = ()

    def joined(self, other: Member) -> Member:
        """Return both parts of one account as one.

        An organisation that was declared in one of them (a negative actor) holds for both.
        """
        return Member(
            account=self.account,
            actor=min(self.actor, other.actor),
            first_seen=min(self.first_seen, other.first_seen),
            last_seen=max(self.last_seen, other.last_seen),
            prompts=self.prompts + other.prompts,
            probability=max(self.probability, other.probability),
            reasons=tuple(dict.fromkeys((*self.reasons, *other.reasons))),
        )


@dataclass(frozen=True, slots=True)
class Extent:
    """How large a campaign is; `actors` are its accounts with organisations collapsed."""

    first_seen: int
    last_seen: int
    prompts: int
    accounts: int
    actors: int


def extent_of(members: Collection[Member]) -> Extent:
    """Measure a campaign by its members, of which there must be one."""
    return Extent(
        first_seen=min(m.first_seen for m in members),
        last_seen=max(m.last_seen for m in members),
        prompts=sum(m.prompts for m in members),
        accounts=len(members),
        actors=len({m.actor for m in members}),
    )


@dataclass(frozen=True, slots=True)
class Campaign:
    """A group of accounts and the evidence for it.

    `members` maps the account to its part; it is empty in an event that was read back, whose
    `extent` tells the size at that time. `revision` counts the changes. `representatives` are seqs
    of typical prompts, `split_from` the campaign that it was part of before, `review` what people
    have decided, `source` the seqs (8 bytes each, "<i8") of prompts that it rests on; like
    `members`, it and `review.excluded` are empty in an event that was read back.
    """

    campaign_id: str
    state: CampaignState
    first_reported_at: int
    updated_at: int
    families: tuple[int, ...]
    evidence: tuple[Evidence, ...]
    extent: Extent
    members: Mapping[int, Member] = field(default_factory=dict)
    merged_into: str = ""
    revision: int = 1
    confidence: Confidence = Confidence.LOW
    tactics: tuple[str, ...] = ()
    coverage: Coverage | None = None
    next_steps: tuple[str, ...] = ()
    representatives: tuple[int, ...] = ()
    split_from: str = ""
    review: Review = field(default_factory=Review)
    source: bytes = b""

    @property
    def review_etag(self) -> str:
        """Changes with each review, and not with what the detector finds."""
        return f"{self.campaign_id}.r{self.review.revision}"

    @property
    def new_accounts(self) -> int:
        """Accounts whose first prompt came in the last day of the campaign's traffic."""
        since = self.extent.last_seen - _DAY
        return sum(1 for m in self.members.values() if m.first_seen >= since)

    @property
    def etag(self) -> str:
        """Changes with each change of the campaign."""
        return f"{self.campaign_id}.{self.revision}"

    def summary(self) -> str:
        """Say in one sentence what was seen."""
        extent = self.extent
        hours = (extent.last_seen - extent.first_seen) / 3_600_000_000
        how = ", ".join(t.replace("_", " ") for t in self.tactics) or "near-duplicate prompts"
        return (
            f"{extent.accounts} accounts ({extent.actors} with organisations collapsed) sent "
            f"{extent.prompts} prompts of one source over {hours:.1f} hours: {how}."
        )


@dataclass(frozen=True, slots=True)
class CampaignEvent:
    """A change of a campaign. `position` orders all changes; 0 until it is in the record."""

    change: Change
    campaign: Campaign
    at: int
    position: int = 0


def campaign_id_for(generation: str, key: int) -> str:
    """Name the campaign that a finding with this key opened. Like traffic gives like names."""
    digest = hashlib.blake2b(f"{generation}/{key}".encode(), digest_size=8)
    return f"cmp_{digest.hexdigest()}"
