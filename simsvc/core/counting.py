"""What accounts sent of a campaign, counted by its families and by findings about accounts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from simsvc.core.detection import FAMILY_REASONS, Detector
from simsvc.domain.campaign import Member


def both(counted: Member | None, attributed: Member) -> Member:
    """Return a member that two ways of looking found; each counts prompts of its own."""
    if counted is None:
        return attributed
    joined = counted.joined(attributed)
    return replace(joined, prompts=max(counted.prompts, attributed.prompts))


def counted(
    detector: Detector, families: Iterable[int], known: Mapping[int, Member]
) -> dict[int, Member]:
    """Count each account's part over all families that the detector still knows.

    What is `known` of why an account belongs is kept.
    """
    members: dict[int, Member] = {}
    for family in families:
        for part in detector.members(family):
            earlier = members.get(part.account)
            members[part.account] = earlier.joined(part) if earlier else part
    return {a: _explained(part, known.get(a)) for a, part in members.items()}


def _explained(part: Member, known: Member | None) -> Member:
    if known is None or not known.reasons:
        return replace(part, reasons=FAMILY_REASONS)
    return replace(part, probability=known.probability, reasons=known.reasons)
