"""From the signals of a group to a verdict: how sure, what tactic, what to do next.

Signals come in families: content (S2, S3, S4, S7, S8), frame (S1), schedule (S5), session (S6).
Within a family the tests are combined, so that a family counts once however many of its signals
agree. High confidence takes content and one other family; the p-value of such a conjunction is the
larger of the two (Berger 1982, Technometrics 24, 295–300).
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass

_MOST = 0.5


class Confidence(enum.IntEnum):
    """How sure a report is; the numbers are those of the wire."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3


class Tactic(enum.StrEnum):
    """How a campaign goes about it."""

    SHARED_FRAME = "shared_frame"
    REPLAY = "replay"
    PARTITION = "partition"
    TOPICAL_PARTITION = "topical_partition"
    SESSION_HOP = "session_hop"
    REFERENCE_SET = "reference_set_harvest"
    NEW_POOL = "new_pool_after_ban"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What a calibration sets. `log_p_*` are natural logarithms.

    `exchangeability` and `labour` are the least of a campaign; `topical` the least exchangeability
    of one whose accounts have topics, whose prompts must then stand alone at `log_p_topical`.
    """

    exchangeability: float = 0.7
    topical: float = 0.35
    labour: float = 4.0
    log_p_content: float = math.log(1e-6)
    log_p_medium: float = math.log(1e-4)
    log_p_high: float = math.log(1e-6)
    log_p_topical: float = -30.0
    # Share of prompts that move to another account in ordinary traffic, and chance that two
    # prompts of two accounts in one group are near-duplicates.
    move_rate: float = 1e-3
    collision_rate: float = 2e-4


@dataclass(frozen=True, slots=True)
class Measures:
    """What was measured of a group; p-values as natural logarithms.

    `labour`: how many accounts' worth of distinct items the group's set has. `like_volumes`:
    whether the accounts' volumes differ less than ordinary ones'. `framed` is the share of the
    group's prompts in one frame, `movers` the share of accounts that conversations moved to,
    `reference` the share of them found in a loaded reference set.
    """

    actors: int
    exchangeability: float
    labour: float
    log_p_cohesion: float
    log_p_replay: float
    log_p_schedule: float
    log_p_isolated: float
    log_p_frame: float
    log_p_session: float
    like_volumes: bool
    framed: float
    movers: float
    distinct: float
    collision_rate: float = 0.0
    successive: bool = False
    reference: float = 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """`log_p` is that of the weaker of the two families that the confidence rests on."""

    confidence: Confidence
    log_p: float
    tactics: tuple[Tactic, ...]
    next_steps: tuple[str, ...]


def judge(measures: Measures, thresholds: Thresholds) -> Verdict | None:
    """Judge a group; None where its content is no evidence, whatever else it has in common."""
    m, t = measures, thresholds
    if m.labour < t.labour:
        # All ask the same few things: a class, a benchmark, what went round.
        return None
    content, other, session = min(m.log_p_cohesion, m.log_p_replay), independent(m, t), _session(m)
    alike = content <= t.log_p_content
    same_source = alike and m.exchangeability >= t.exchangeability
    topical = alike and m.exchangeability >= t.topical and m.log_p_isolated <= t.log_p_topical
    hops = session <= 2 * t.log_p_high
    if not (same_source or topical or hops):
        return None
    confidence, log_p = Confidence.LOW, max(content, other)
    if other <= t.log_p_high and (same_source or (alike and hops)):
        confidence = Confidence.HIGH
    elif hops and not alike:
        # The conversations are whatever people asked: exact, but of one kind only.
        confidence, log_p = Confidence.MEDIUM, session
    elif other <= t.log_p_medium:
        confidence = Confidence.MEDIUM
    return Verdict(confidence, log_p, *_advice(m, t, confidence))


def independent(measures: Measures, thresholds: Thresholds) -> float:
    """Return ln p of the strongest family beside content.

    A frame that everybody in an app sends says nothing of the accounts behind it, unless these
    also lack the spread of volumes that users have.
    """
    framed = measures.like_volumes and measures.framed >= _MOST
    frame = measures.log_p_frame if framed else 0.0
    return min(measures.log_p_schedule, frame, _session(measures))


def _session(measures: Measures) -> float:
    """Conversations that move must concern most accounts, not a few pairs among them."""
    return measures.log_p_session if measures.movers >= _MOST else 0.0


def _advice(
    m: Measures, t: Thresholds, confidence: Confidence
) -> tuple[tuple[Tactic, ...], tuple[str, ...]]:
    tactics = _tactics(m, t)
    steps = ["Read the representative prompts before acting: is there an innocent source?"]
    if confidence is Confidence.HIGH:
        steps.append("Confirm with a second reviewer, then limit or challenge the members.")
        steps.append("Compare payment, sign-up and network data of the members: they should agree.")
    else:
        steps.append("Watch it: do not act on accounts before a second kind of evidence appears.")
    if Tactic.SHARED_FRAME in tactics:
        steps.append("Match the frame against new accounts; load it as allowed if an app is known.")
    if Tactic.REPLAY in tactics or Tactic.PARTITION in tactics:
        steps.append("Load the suspected data set as a reference set, to measure its coverage.")
    if Tactic.NEW_POOL in tactics:
        steps.append("Expect further accounts to take over when these are stopped.")
    return tactics, tuple(steps)


def _tactics(m: Measures, t: Thresholds) -> tuple[Tactic, ...]:
    found = []
    if m.framed >= _MOST:
        found.append(Tactic.SHARED_FRAME)
    replayed = m.log_p_replay <= t.log_p_content and m.distinct < 0.8
    if replayed:
        found.append(Tactic.REPLAY)
    hops = _session(m) <= t.log_p_medium
    if hops:
        found.append(Tactic.SESSION_HOP)
    if m.exchangeability < t.exchangeability and not hops:
        found.append(Tactic.TOPICAL_PARTITION)
    elif not replayed and not hops:
        found.append(Tactic.PARTITION)
    if m.reference >= 0.3:
        found.append(Tactic.REFERENCE_SET)
    if m.successive:
        found.append(Tactic.NEW_POOL)
    return tuple(found)
