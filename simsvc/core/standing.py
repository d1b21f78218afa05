"""Which groups stand from one look to the next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from simsvc.core.finding import Finding
from simsvc.domain.verdict import Confidence

_SAME = 0.5
_MISSED = 3
_WITHDRAWN = ("Not found again in the last looks: with more traffic these accounts are ordinary.",)


@dataclass(frozen=True, slots=True)
class _Group:
    actors: frozenset[int]
    finding: Finding
    told: bool
    missed: int = 0

    def is_same(self, other: frozenset[int]) -> bool:
        return len(self.actors & other) >= _SAME * len(self.actors | other)


class Standing:
    """Passes on what was found twice, or is beyond doubt, and takes back what is not found again.

    What is seen of a group after few prompts may be chance; the next look tells.
    """

    def __init__(self, log_p_sure: float) -> None:
        self._log_p_sure = log_p_sure
        self._groups: list[_Group] = []

    @property
    def unconfirmed(self) -> int:
        """Groups that the last look found for the first time, and that are not passed on yet."""
        return sum(not g.told and not g.missed for g in self._groups)

    def after_look(self, found: Iterable[Finding], *, last: bool) -> list[Finding]:
        """Return what to report; `last` says that no look will come to confirm a group."""
        groups, report = [], []
        before = self._groups
        for finding in found:
            actors = frozenset(m.actor for m in finding.members)
            known = any(g.is_same(actors) for g in before)
            before = [g for g in before if not g.is_same(actors)]
            told = known or last or finding.log_p <= self._log_p_sure
            if told:
                report.append(finding)
            groups.append(_Group(actors, finding, told))
        for group in before:
            if group.missed + 1 < _MISSED:
                groups.append(replace(group, missed=group.missed + 1))
            elif group.told:
                report.append(
                    replace(group.finding, confidence=Confidence.LOW, withdrawn=True,
                            next_steps=_WITHDRAWN)
                )  # fmt: skip
        self._groups = groups
        return report
