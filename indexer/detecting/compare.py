"""Campaigns that were found against those that are recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from simsvc.domain.campaign import Campaign, CampaignState
from simsvc.record.reading import Window


@dataclass(frozen=True, slots=True)
class Pair:
    """A campaign that was found again: `shared` accounts, the share `overlap` of the smaller."""

    found: Campaign
    recorded: Campaign
    shared: int
    overlap: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Campaigns found again, found for the first time, and recorded but not found."""

    again: list[Pair]
    new: list[Campaign]
    vanished: list[Campaign]


def compare(
    found: Sequence[Campaign], recorded: Sequence[Campaign], window: Window, overlap: float
) -> Comparison:
    """Pair campaigns by their accounts, each with one at the most, the largest overlap first.

    Two are the same from the share `overlap` of the smaller one's accounts on. Recorded campaigns
    that were merged into others, or had no account active in the window, are left out, and so are
    accounts that were not active in it.
    """
    then = {c.campaign_id: _active(c, window) for c in recorded}
    there = [c for c in recorded if c.state is not CampaignState.MERGED and then[c.campaign_id]]
    pairs = [
        Pair(one, other, len(shared), len(shared) / min(len(one.members), len(mine)))
        for one in found
        for other in there
        if (shared := one.members.keys() & (mine := then[other.campaign_id]))
    ]
    pairs.sort(key=lambda p: (-p.shared, -p.overlap, p.found.campaign_id, p.recorded.campaign_id))
    again: list[Pair] = []
    for pair in pairs:
        free = all(pair.found is not p.found and pair.recorded is not p.recorded for p in again)
        if free and pair.overlap >= overlap:
            again.append(pair)
    return Comparison(
        again,
        [c for c in found if all(c is not p.found for p in again)],
        [c for c in there if all(c is not p.recorded for p in again)],
    )


def _active(campaign: Campaign, window: Window) -> set[int]:
    """Return the members whose prompts of the campaign may lie in the window."""
    return {
        m.account
        for m in campaign.members.values()
        if (window.end is None or m.first_seen < window.end)
        and (window.start is None or m.last_seen >= window.start)
    }
