"""What speaks against a campaign's report, or is missing from it, in plain words with numbers.

Each signal that a finding of accounts tests and that says nothing is named: a reader of the
evidence alone sees what was found, never what was looked for in vain.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection

from simsvc.domain.campaign import Campaign, Member

_UNSURE = 0.8
_FEW_PROMPTS = 5
_LARGE = 0.3
_FEW_ACCOUNTS = 6
_STILL_NEW = 0.7
_HARDLY_NEW = 0.1
_WEAK = math.log(1e-6)
_HOUR = 3_600_000_000
_SHORT = 2 * _HOUR
# Evidence of a finding of accounts; families of near-duplicates have theirs alone.
_OF_ACCOUNTS = "twins"
# What was tested without a claim coming of it: signals of which any would do, and the words.
_ABSENT = (
    ({"schedule"}, "Timing is ordinary: prompts come in bursts, as people send them."),
    (
        {"prefix_migration"},
        "Conversations do not go on from one account in another more often than by chance.",
    ),
    ({"shared_frame"}, "No frame holds a fifth of the prompts."),
    (
        {"collision_excess", "collision_deficit"},
        "Near-duplicates across the accounts are as many as chance gives: nothing shows that a "
        "list was shared out or replayed.",
    ),
    ({"lockstep"}, "No pairs of accounts repeat each other in several rare near-duplicates."),
    ({"reference_set"}, "What is asked for is in no reference set that is loaded."),
)


def counter_evidence(campaign: Campaign) -> tuple[str, ...]:
    """Return what speaks against a campaign, the weightiest first; empty if nothing does.

    It judges what the campaign holds and reads no record. An event that was read back, which has no
    members, gets what can be said without them.
    """
    members = campaign.members.values()
    return (
        *_innocent(campaign, members),
        *_weak(campaign),
        *_members(members),
        *_asked(campaign),
        *_missing(campaign),
    )


def _innocent(campaign: Campaign, members: Collection[Member]) -> list[str]:
    """Say which innocent cause the accounts themselves hint at."""
    said = []
    by_organization = Counter(m.actor for m in members if m.actor < 0)
    if by_organization:
        [(_, most)] = by_organization.most_common(1)
        share = most / len(members)
        if share >= _LARGE:
            said.append(
                f"{most} of {len(members)} accounts ({100 * share:.0f}%) are of one organisation, "
                "which may send one workload from all of them."
            )
    extent = campaign.extent
    span = extent.last_seen - extent.first_seen
    if span < _SHORT:
        said.append(
            f"All of it was seen within {span / _HOUR:.1f} hours: what goes round looks like this "
            "too."
        )
    return said


def _weak(campaign: Campaign) -> list[str]:
    """Say how little the evidence is."""
    said = []
    tested = [e for e in campaign.evidence if e.log_p < 0]
    if len(tested) == 1:
        said.append(f"It rests on one test alone ({tested[0].signal.replace('_', ' ')}).")
    elif not tested:
        said.append("None of its evidence has a chance to weigh it by.")
    said += [
        f"The {e.signal.replace('_', ' ')} alone would be there by chance once in "
        f"{math.exp(-e.log_p):,.0f} cases."
        for e in tested
        if e.log_p > _WEAK
    ]
    return said


def _members(members: Collection[Member]) -> list[str]:
    if not members:
        return []
    said, count = [], len(members)
    if count < _FEW_ACCOUNTS:
        said.append(f"There are {count} accounts only.")
    unsure = sum(1 for m in members if m.probability < _UNSURE)
    if unsure:
        said.append(
            f"{unsure} of {count} accounts ({100 * unsure / count:.0f}%) belong with less than "
            f"{100 * _UNSURE:.0f}% probability."
        )
    few = sum(1 for m in members if m.prompts < _FEW_PROMPTS)
    if 2 * few >= count:
        said.append(
            f"{few} of {count} accounts sent fewer than {_FEW_PROMPTS} prompts of it: little to "
            "tell a habit by."
        )
    return said


def _asked(campaign: Campaign) -> list[str]:
    """Say what does not look like collecting a set."""
    seen = campaign.coverage
    if seen is None or not seen.prompts:
        return []
    if seen.unseen < _HARDLY_NEW:
        return [
            f"What is asked for hardly grows: the next prompt is new with "
            f"{100 * seen.unseen:.0f}% chance, after {seen.distinct} items in {seen.prompts} "
            "prompts. Either the set is nearly whole, or the same few things are asked again."
        ]
    if seen.unseen > _STILL_NEW and seen.size is None:
        return [
            f"None of {seen.distinct} items was asked for twice: the set may have no bounds, as "
            "what people ask has none."
        ]
    return []


def _missing(campaign: Campaign) -> list[str]:
    signals = {e.signal for e in campaign.evidence}
    if _OF_ACCOUNTS not in signals:
        return [
            "The accounts' other prompts have not been found to be of one source: it rests on "
            "near-duplicates of single prompts."
        ]
    return [words for wanted, words in _ABSENT if not wanted & signals]
