"""What was measured of a group, as claims in words, each with its number and its null."""

from __future__ import annotations

import math

from simsvc.domain.campaign import Evidence
from simsvc.domain.signals.collisions import Collisions
from simsvc.domain.signals.lockstep import Lockstep
from simsvc.domain.signals.migration import Moves
from simsvc.domain.signals.references import ReferenceHits
from simsvc.domain.signals.shared_frame import FrameUse
from simsvc.domain.signals.twins import Cohesion
from simsvc.domain.verdict import Measures

_SCHEDULE_WORDS = {
    "isolation": "prompts stand alone in time, not in the bursts in which people send",
    "volumes": "accounts send like volumes",
    "order": "an account seldom follows itself, as in a round robin",
    "onset": "accounts began together",
    "nights": "no account keeps hours",
}


def reference_evidence(name: str, hits: ReferenceHits, seqs: tuple[int, ...]) -> Evidence:
    """Say how a known data set is asked for."""
    text = (
        f"{hits.hits} prompts are items of the reference set {name}: {hits.distinct} of its "
        f"{hits.size} items, {100 * hits.covered:.1f}% of it; {hits.overlap} items shared by two "
        f"accounts, {hits.expected_overlap:.1f} expected by chance"
    )
    return Evidence(
        "reference_set", text, hits.covered, hits.largest_share, hits.log_p_disjoint, 0, seqs
    )


def lockstep_evidence(seen: Lockstep, seqs: tuple[int, ...]) -> Evidence:
    """Say how many pairs of accounts share several rare families."""
    text = f"{seen.pairs} pairs of accounts share two or more rare near-duplicate families"
    return Evidence("lockstep", text, seen.pairs, seen.expected, seen.log_p, 0, seqs)


def claims_of(
    m: Measures,
    seen: Cohesion,
    crossing: Collisions,
    tests: dict[str, float],
    use: FrameUse | None,
    moved: Moves,
    seqs: tuple[int, ...],
) -> tuple[Evidence, ...]:
    """Return a claim for each signal that has something to say."""

    def claim(signal: str, text: str, value: float, expected: float, log_p: float) -> Evidence:
        return Evidence(signal, text, value, expected, log_p, family=0, seqs=seqs)

    claims = [
        claim(
            "twins",
            f"prompts of different accounts are as alike ({seen.cross:.3f}) as prompts of one "
            f"account ({seen.within:.3f}): random shares of one source; ordinary accounts have "
            "habits of their own",
            m.exchangeability, 0.0, m.log_p_cohesion,
        ),
        claim(
            "division_of_labour",
            f"the set that is asked for is {m.labour:.1f} times what one account asks of it",
            m.labour, 1.0, 0.0,
        ),
    ]  # fmt: skip
    if crossing.log_p_more < math.log(1e-3):
        text = f"{crossing.observed} near-duplicate pairs across accounts"
        claims.append(claim("collision_excess", text, crossing.observed, crossing.expected,
                            crossing.log_p_more))  # fmt: skip
    elif crossing.log_p_fewer < math.log(1e-3):
        text = f"only {crossing.observed} near-duplicate pairs across accounts: shared out"
        claims.append(claim("collision_deficit", text, crossing.observed, crossing.expected,
                            crossing.log_p_fewer))  # fmt: skip
    best = min(tests, key=lambda name: tests[name])
    if m.log_p_schedule < math.log(1e-3):
        claims.append(claim("schedule", _SCHEDULE_WORDS[best], -tests[best], 0.0,
                            m.log_p_schedule))  # fmt: skip
    if use and m.framed >= 0.2:
        text = f"one frame in {use.inside} of {use.members} accounts, {use.outside} others use it"
        claims.append(claim("shared_frame", text, use.inside, use.outside, m.log_p_frame))
    if moved.moved and moved.log_p < math.log(1e-3):
        text = f"{moved.moved} of {moved.continued} continued prompts came from another account"
        claims.append(claim("prefix_migration", text, moved.moved, moved.expected, moved.log_p))
    return tuple(claims)
