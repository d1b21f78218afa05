"""Campaigns: what they hold and what can happen to them. Times are µs since the epoch."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace


class CampaignState(enum.IntEnum):
    """The numbers are those of the wire."""

    OPEN = 1
    QUIET = 2
    MERGED = 3


class Change(enum.IntEnum):
    """What happened to a campaign; the numbers are those of the wire."""

    OPENED = 1
    GREW = 2
    MERGED = 3
    QUIETED = 4
    REOPENED = 5


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
    """An account's part in a campaign. `actor` is shared by accounts of one organisation."""

    account: int
    actor: int
    first_seen: int
    last_seen: int
    prompts: int

    def joined(self, other: Member) -> Member:
        """Return both parts of one account as one.

        An organisation that was declared in one of them (a negative actor) holds for both.
        """
        return replace(
            self,
            actor=min(self.actor, other.actor),
            first_seen=min(self.first_seen, other.first_seen),
            last_seen=max(self.last_seen, other.last_seen),
            prompts=self.prompts + other.prompts,
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
    `extent` tells the size at that time. `revision` counts the changes.
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

    @property
    def etag(self) -> str:
        """Changes with each change of the campaign."""
        return f"{self.campaign_id}.{self.revision}"

    def summary(self) -> str:
        """Say in one sentence what was seen."""
        extent = self.extent
        noun = "family" if len(self.families) == 1 else "families"
        hours = (extent.last_seen - extent.first_seen) / 3_600_000_000
        return (
            f"{extent.accounts} accounts ({extent.actors} with organisations collapsed) sent "
            f"{extent.prompts} prompts of {len(self.families)} near-duplicate {noun} "
            f"over {hours:.1f} hours."
        )


@dataclass(frozen=True, slots=True)
class CampaignEvent:
    """A change of a campaign. `position` orders all changes; 0 until it is in the record."""

    change: Change
    campaign: Campaign
    at: int
    position: int = 0


def campaign_id_for(generation: str, family: int) -> str:
    """Name the campaign that a family opened. The same traffic gives the same name."""
    digest = hashlib.blake2b(f"{generation}/{family}".encode(), digest_size=8)
    return f"cmp_{digest.hexdigest()}"
