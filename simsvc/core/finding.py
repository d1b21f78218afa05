"""What the detector tells the campaign book."""

from __future__ import annotations

from dataclasses import dataclass

from simsvc.domain.campaign import Evidence, Member
from simsvc.domain.signals.coverage import Coverage
from simsvc.domain.verdict import Confidence


@dataclass(frozen=True, slots=True)
class Finding:
    """Accounts that act as one, and why. `key` names it: the seq of a prompt of it.

    `family` is the family of near-duplicates that it is about, 0 for a finding about accounts.
    `log_p` is that of the weaker evidence it rests on. `withdrawn`: it was reported and is not
    found any more. `source`: see `Campaign`.
    """

    key: int
    family: int
    evidence: tuple[Evidence, ...]
    members: tuple[Member, ...]
    confidence: Confidence
    tactics: tuple[str, ...] = ()
    coverage: Coverage | None = None
    next_steps: tuple[str, ...] = ()
    representatives: tuple[int, ...] = ()
    log_p: float = 0.0
    withdrawn: bool = False
    source: bytes = b""
