"""What ordinary traffic looks like here, and the thresholds that follow from it."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace

from simsvc.domain.verdict import Confidence, Measures, Thresholds, independent, judge

SHIPPED = "shipped default"
LEAST_PROMPTS = 5000
LEAST_ACCOUNTS = 200
_STRICTEST = -40.0
_MARGIN = 1.2


@dataclass(frozen=True, slots=True)
class Calibration:
    """Thresholds, and the traffic that they rest on: prompts, accounts, days, candidate groups.

    `suspects` groups of it looked like campaigns and were left out; `confirmed` and `dismissed`
    campaigns of reviewers were taken into account.
    """

    thresholds: Thresholds = field(default_factory=Thresholds)
    source: str = SHIPPED
    prompts: int = 0
    accounts: int = 0
    days: float = 0.0
    groups: int = 0
    suspects: int = 0
    confirmed: int = 0
    dismissed: int = 0

    @property
    def sufficient(self) -> bool:
        """Return whether there was enough traffic to know what is ordinary."""
        return self.prompts >= LEAST_PROMPTS and self.accounts >= LEAST_ACCOUNTS

    def remark(self) -> str:
        """Say in a sentence what the thresholds rest on."""
        if self.source == SHIPPED:
            return "insufficient data: shipped thresholds, not yet calibrated on this traffic"
        size = f"{self.prompts} prompts of {self.accounts} accounts over {self.days:.1f} days"
        return size if self.sufficient else f"insufficient data: only {size}"

    def to_json(self) -> str:
        """Return it as JSON."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Calibration:
        """Read what `to_json` wrote. Raises ValueError or TypeError if it is something else."""
        values = json.loads(text)
        return cls(thresholds=Thresholds(**values.pop("thresholds")), **values)


@dataclass(frozen=True, slots=True)
class Observed:
    """A stretch of traffic: its size, its candidate groups, and how many conversations moved."""

    prompts: int
    accounts: int
    days: float
    groups: Sequence[Measures]
    moved: int
    continued: int


def calibrate(
    observed: Observed, confirmed: int = 0, dismissed: Sequence[Measures] = ()
) -> Calibration:
    """Learn nulls and thresholds from ordinary traffic.

    Groups that look like campaigns already are left out, or a campaign in the stretch would make
    itself the measure of what is ordinary. The thresholds of the second family lie beyond what any
    ordinary group reached, with a margin, and beyond each group that reviewers dismissed. They
    never fall under the shipped ones.
    """
    base = Thresholds()
    ordinary, suspects = [], 0
    for measures in observed.groups:
        verdict = judge(measures, base)
        if verdict is not None and verdict.confidence is not Confidence.LOW:
            suspects += 1
        else:
            ordinary.append(measures)
    reached = [
        independent(m, base)
        for m in ordinary
        if m.exchangeability >= base.exchangeability and m.labour >= base.labour
    ]
    reached += [independent(m, base) for m in dismissed]
    furthest = _MARGIN * min(reached, default=0.0)
    bound = min(_STRICTEST, min((_MARGIN * independent(m, base) for m in dismissed), default=0.0))
    thresholds = replace(
        base,
        log_p_high=max(min(base.log_p_high, furthest), bound),
        log_p_medium=max(min(base.log_p_medium, furthest), bound),
        move_rate=max(observed.moved / max(observed.continued, 1), base.move_rate),
        collision_rate=max(base.collision_rate, _collision_rate(ordinary, base)),
    )
    return Calibration(
        thresholds, "calibrated", observed.prompts, observed.accounts, observed.days,
        len(observed.groups), suspects, confirmed, len(dismissed),
    )  # fmt: skip


def _collision_rate(groups: Sequence[Measures], base: Thresholds) -> float:
    """Return the median chance that two prompts of a group's accounts are near-duplicates."""
    rates = sorted(m.collision_rate for m in groups if m.labour >= base.labour)
    middle = rates[len(rates) // 2] if rates else 0.0
    return middle if math.isfinite(middle) else 0.0
