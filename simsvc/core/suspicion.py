"""Candidate groups judged and reconciled: what a look suspects."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from simsvc.core.evidence import Measured, Measurer
from simsvc.core.groups import TWINS, Group, joined, without
from simsvc.domain.signals.population import Flags, Ints, Population
from simsvc.domain.verdict import Thresholds, Verdict, judge

# Share of a group in a surer one from which it says nothing new.
_CONTAINED = 0.6
# Prompts that a report names at the most.
_NAMED = 20_000


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A judged group; `members` maps an actor to its probability, `reasons` to what put it there.

    `source` maps an actor to the share of its prompts that are the group's; `seqs` are those
    prompts, at most 20,000 of them, as `Campaign.source`.
    """

    measured: Measured
    verdict: Verdict
    members: Mapping[int, float]
    reasons: Mapping[int, tuple[str, ...]]
    source: Mapping[int, float]
    seqs: bytes = b""


@dataclass(frozen=True, slots=True)
class Judged:
    """A judged group, and the prompts (n,) that are taken for its source's.

    The verdict rests on `measured.group.source`. Groups that were found by other signals, or on
    another part of the prompts, and are this one name more of what its accounts sent for it.
    """

    measured: Measured
    verdict: Verdict
    named: Flags

    @property
    def group(self) -> Group:
        """Return the group that the verdict is on."""
        return self.measured.group


class Reconciler:
    """Judges the candidate groups of one population."""

    def __init__(self, measurer: Measurer, thresholds: Thresholds, least_accounts: int) -> None:
        self._measurer = measurer
        self._thresholds = thresholds
        self._least_accounts = least_accounts

    def reconciled(self, groups: Iterable[Group]) -> list[Judged]:
        """Judge groups, the surest first, so that each account is explained once.

        A group whose accounts are mostly those of a surer one is the same, and joined to it if
        another signal led to it; what lies mostly within a surer one names more of its prompts. Of
        any other, the accounts that a surer one explains are taken out, and what is left is judged
        again.
        """
        judged = [j for g in groups if (j := self._judged(g))]
        judged.sort(key=_certainty, reverse=True)
        kept: list[Judged] = []
        for case in judged:
            mine = case.group.odds.keys()
            same = next((i for i, k in enumerate(kept) if _alike(k.group, case.group)), None)
            explained = mine & {a for k in kept for a in k.group.odds}
            if same is not None:
                kept[same] = self._as_one(kept[same], case)
            elif not explained:
                kept.append(case)
            elif len(explained) < _CONTAINED * len(mine):
                rest = self._judged(without(case.group, explained))
                kept += [rest] if rest else []
            else:
                around = max(range(len(kept)), key=lambda i: len(mine & kept[i].group.odds.keys()))
                kept[around] = replace(kept[around], named=kept[around].named | case.named)
        return kept

    def _as_one(self, first: Judged, second: Judged) -> Judged:
        whole = None
        # The same signal, on a part of the prompts where it is less sure, adds no accounts.
        if not _twice(first.group, second.group):
            whole = self._judged(joined(first.group, second.group))
        return replace(whole or first, named=first.named | second.named)

    def _judged(self, group: Group) -> Judged | None:
        bystanders = self._measurer.bystanders
        group = bystanders.let_go(without(group, bystanders.saturated(group)))
        if len(group.odds) < self._least_accounts:
            return None
        measured = self._measurer.measure(group)
        verdict = judge(measured.measures, self._thresholds)
        return Judged(measured, verdict, group.source) if verdict else None


def suspicion(population: Population, measurer: Measurer, case: Judged) -> Suspicion:
    """Return what a case says of the actors of a population."""
    actors, odds = population.actors, case.group.odds
    named = case.named & np.isin(population.owners, case.group.members)
    sent = population.sent(named)
    return Suspicion(
        case.measured,
        case.verdict,
        members={int(actors[p]): _probability(odds[p]) for p in odds},
        reasons={int(actors[p]): measurer.reasons(case.measured, p, named) for p in odds},
        source={int(actors[p]): float(sent[p] / max(population.volumes[p], 1)) for p in odds},
        seqs=_thinned(population.seqs[named]),
    )


def _alike(one: Group, other: Group) -> bool:
    shared = len(one.odds.keys() & other.odds.keys())
    return shared >= 0.5 * len(one.odds.keys() | other.odds.keys())


def _twice(kept: Group, other: Group) -> bool:
    """Tell whether twins alone led to a group, and to the surer one it is like."""
    return other.routes == {TWINS} and TWINS in kept.routes


def _certainty(case: Judged) -> tuple[float, ...]:
    """Order groups: by confidence, by whether a signal names the accounts, by size and purity."""
    purity = min(case.measured.measures.exchangeability, 1.0) ** 4
    return case.verdict.confidence, case.group.exact, purity * len(case.group.odds)


def _probability(log_odds: float) -> float:
    return 1.0 / (1.0 + math.exp(-min(max(log_odds, -50.0), 50.0)))


def _thinned(seqs: Ints) -> bytes:
    step = -(-len(seqs) // _NAMED) or 1
    return np.sort(seqs)[::step].astype("<i8").tobytes()
