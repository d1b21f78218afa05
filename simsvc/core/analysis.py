"""The pass over a pool of accounts: candidates, measures, verdicts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simsvc.core.accounts import AccountBook
from simsvc.core.evidence import Measured, Measurer
from simsvc.core.groups import TWINS, Group, GroupRule, find_groups, joined, referenced, without
from simsvc.core.library import ReferenceLibrary
from simsvc.domain.signals.combine import OnlineFdr
from simsvc.domain.signals.population import Ints, Population, sampled_from
from simsvc.domain.signals.twins import Floats, TwinRule
from simsvc.domain.verdict import Measures, Thresholds, Verdict, judge
from simsvc.ports.index import VectorIndex

_MICRO = 1e6
# Conversations between two places of a pool, with their weight.
Moves = list[tuple[int, int, float]]
# Share of a group in a surer one from which it says nothing new.
_CONTAINED = 0.6
# Prompts that a report names at the most.
_NAMED = 20_000


@dataclass(frozen=True, slots=True)
class AnalysisRule:
    """`pool` accounts are looked at in one pass; the least accounts of a group; FDR level.

    A pass is due once the prompts since the last one are the share `renewed` of those before, and
    at least `prompts`. `least_log_odds` as in `GroupRule`.
    """

    pool: int = 4000
    least_accounts: int = 8
    alpha: float = 0.05
    renewed: float = 0.04
    prompts: int = 500
    least_log_odds: float = 0.7


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
class Samples:
    """What is kept of m accounts: rows of each one's sampled prompts, and totals (m,).

    As in `Population`, times in seconds.
    """

    actors: Ints
    rows: list[npt.NDArray[np.void]]
    volumes: Floats
    onsets: Floats
    isolation: Floats
    moves: Floats
    continued: Floats


class Analyst:
    """Looks at all accounts together, now and then."""

    def __init__(
        self,
        book: AccountBook,
        index: VectorIndex,
        rule: AnalysisRule,
        thresholds: Thresholds,
        library: ReferenceLibrary,
    ) -> None:
        self._library = library
        self._book = book
        self._index = index
        self._rule = rule
        self.thresholds = thresholds
        self._moves: Counter[tuple[int, int]] = Counter()
        self._looked_at = 0
        self._fdr = OnlineFdr(rule.alpha)

    def note_move(self, origin: int, actor: int) -> None:
        """Count a conversation that went from one actor to another."""
        self._moves[(min(origin, actor), max(origin, actor))] += 1

    def due(self) -> bool:
        """Return whether enough is new for a pass."""
        if self._looked_at < 0:
            return True
        new = self._book.observed - self._looked_at
        return new >= max(self._rule.prompts, self._rule.renewed * self._looked_at)

    def behind(self) -> bool:
        """Return whether anything is new since the last pass."""
        return self._book.observed != self._looked_at

    def analyse(self, population: Population, moves: Moves) -> list[Suspicion]:
        """Look at a pool of accounts. Beside the traffic: it reads nothing that changes."""
        matches = self._library.match(population.vectors, population.frames, population.seqs)
        population = population.without(matches.allowed)
        if len(population.actors) < self._rule.least_accounts or not len(population.owners):
            return []
        found = matches.without(matches.allowed)
        measurer = Measurer(population, population.centred(), self.thresholds, found)
        groups = find_groups(population, moves, self._group_rule())
        groups += referenced(population, found.sets, self._group_rule())
        return [
            _suspicion(population, measurer, measured, verdict)
            for measured, verdict in self._reconciled(measurer, groups)
            if self._fdr.discover(verdict.log_p)
        ]

    def measures(self, population: Population, moves: Moves) -> list[Measures]:
        """Measure every candidate group, whatever its verdict would be."""
        measurer = Measurer(population, population.centred(), self.thresholds)
        groups = find_groups(population, moves, self._group_rule())
        return [measurer.measure(group).measures for group in groups]

    def measure_actors(self, population: Population, actors: set[int]) -> Measures | None:
        """Measure given accounts, all of whose prompts count as the group's; None without any."""
        places = np.flatnonzero(np.isin(population.actors, sorted(actors)))
        if not len(places):
            return None
        source = np.isin(population.owners, places)
        group = Group(dict.fromkeys(places.tolist(), 0.0), source, frozenset())
        measurer = Measurer(population, population.centred(), self.thresholds)
        return measurer.measure(group).measures

    def _reconciled(
        self, measurer: Measurer, groups: Iterable[Group]
    ) -> list[tuple[Measured, Verdict]]:
        """Judge groups, the surest first, so that each account is explained once.

        A group whose accounts are mostly those of a surer one is the same, and joined to it if
        another signal led to it; of any other, the accounts that a surer one explains are taken
        out, and what is left is judged again.
        """
        judged = [j for g in groups if (j := self._judged(measurer, g))]
        judged.sort(key=_certainty, reverse=True)
        kept: list[tuple[Measured, Verdict]] = []
        for measured, verdict in judged:
            mine = measured.group.odds.keys()
            same = [i for i, (k, _) in enumerate(kept) if _alike(k.group, measured.group)]
            explained = mine & {a for k, _ in kept for a in k.group.odds}
            if same and _twice(kept[same[0]][0].group, measured.group):
                continue  # The same signal, on a part of the prompts where it is less sure.
            if same:
                whole = self._judged(measurer, joined(kept[same[0]][0].group, measured.group))
                kept[same[0]] = whole or kept[same[0]]
            elif not explained:
                kept.append((measured, verdict))
            elif len(explained) < _CONTAINED * len(mine):
                rest = self._judged(measurer, without(measured.group, explained))
                if rest:
                    kept.append(rest)
        return kept

    def _judged(self, measurer: Measurer, group: Group) -> tuple[Measured, Verdict] | None:
        bystanders = measurer.bystanders
        group = bystanders.let_go(without(group, bystanders.saturated(group)))
        if len(group.odds) < self._rule.least_accounts:
            return None
        measured = measurer.measure(group)
        verdict = judge(measured.measures, self.thresholds)
        return (measured, verdict) if verdict else None

    def population(self, first: Iterable[int]) -> Population:
        """Gather the samples of a pool, with their vectors: those named `first` in any case."""
        return self.populated(self.gather(first))

    def gather(self, first: Iterable[int]) -> Samples:
        """Copy what is kept of a pool of accounts; on the thread that adds to it."""
        self._looked_at = self._book.observed
        actors = self._book.pool(self._rule.pool, first)
        states = [self._book.states[a] for a in actors]
        return Samples(
            actors=np.array(actors, np.int64),
            rows=[s.sample() for s in states],
            volumes=np.array([s.prompts for s in states], np.float64),
            onsets=np.array([s.first / _MICRO for s in states], np.float64),
            isolation=np.array([s.isolation() for s in states], np.float64),
            moves=np.array([s.moved for s in states], np.float64),
            continued=np.array([s.continued for s in states], np.float64),
        )

    def populated(self, samples: Samples) -> Population:
        """Look up the vectors of samples. Any thread: fetching them takes longer than all else."""
        owners = np.repeat(np.arange(len(samples.rows)), [len(r) for r in samples.rows])
        rows = np.concatenate(samples.rows) if samples.rows else np.zeros(0, [("at", "i8")])
        order = np.argsort(rows["at"], kind="stable")
        rows, owners = rows[order], owners[order]
        vectors = self._index.vectors(rows["seq"].tolist()) if len(rows) else np.zeros((0, 1))
        there = vectors.any(axis=1)
        rows, owners, vectors = rows[there], owners[there], vectors[there]
        owners = owners.astype(np.int64)
        return Population(
            actors=samples.actors,
            vectors=vectors.astype(np.float32, copy=False),
            owners=owners,
            times=rows["at"] / _MICRO,
            isolated=rows["isolated"],
            stands_for=sampled_from(rows["isolated"], owners, samples.volumes, samples.isolation),
            frames=rows["frame"],
            families=rows["family"],
            seqs=rows["seq"],
            moved=rows["moved"],
            volumes=samples.volumes,
            onsets=samples.onsets,
            isolation=samples.isolation,
            moves=samples.moves,
            continued=samples.continued,
        )

    def look_again(self) -> None:
        """Let the next pass be due at once."""
        self._looked_at = -1

    def forget(self) -> None:
        """Drop moves between actors that are not known any more."""
        known = self._book.states.keys()
        self._moves = Counter({p: n for p, n in self._moves.items() if known >= set(p)})

    def moves(self, pool: Samples | Population) -> Moves:
        """Return the conversations that moved between the pool's places, as edges."""
        places = {actor: place for place, actor in enumerate(pool.actors.tolist())}
        return [
            (places[a], places[b], math.log1p(n))
            for (a, b), n in sorted(self._moves.items())
            if a in places and b in places
        ]

    def moves_between(self, actors: Collection[int]) -> list[tuple[int, int, int]]:
        """Return pairs of these actors that conversations moved between, and how many."""
        known = list(self._moves.items())
        return [(a, b, n) for (a, b), n in known if a in actors and b in actors]

    def _group_rule(self) -> GroupRule:
        return GroupRule(self._rule.least_log_odds, self._rule.least_accounts, TwinRule())


def _alike(one: Group, other: Group) -> bool:
    shared = len(one.odds.keys() & other.odds.keys())
    return shared >= 0.5 * len(one.odds.keys() | other.odds.keys())


def _twice(kept: Group, other: Group) -> bool:
    """Tell whether twins alone led to a group, and to the surer one it is like."""
    return other.routes == {TWINS} and TWINS in kept.routes


def _certainty(judged: tuple[Measured, Verdict]) -> tuple[float, ...]:
    """Order groups: by confidence, by whether a signal names the accounts, by size and purity."""
    measured, verdict = judged
    purity = min(measured.measures.exchangeability, 1.0) ** 4
    return verdict.confidence, measured.group.exact, purity * len(measured.group.odds)


def _probability(log_odds: float) -> float:
    return 1.0 / (1.0 + math.exp(-min(max(log_odds, -50.0), 50.0)))


def _named(seqs: Ints) -> bytes:
    step = -(-len(seqs) // _NAMED) or 1
    return np.sort(seqs)[::step].astype("<i8").tobytes()


def _suspicion(
    population: Population, measurer: Measurer, measured: Measured, verdict: Verdict
) -> Suspicion:
    actors = population.actors
    odds = measured.group.odds
    sent = population.sent(measured.group.source)
    return Suspicion(
        measured,
        verdict,
        members={int(actors[p]): _probability(odds[p]) for p in odds},
        reasons={int(actors[p]): measurer.reasons(measured, p) for p in odds},
        source={int(actors[p]): float(sent[p] / max(population.volumes[p], 1)) for p in odds},
        seqs=_named(population.seqs[measured.group.source]),
    )
