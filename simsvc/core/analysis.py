"""The pass over a pool of accounts: candidates, measures, verdicts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simsvc.core.accounts import AccountBook, isolation, sampled
from simsvc.core.evidence import Measurer
from simsvc.core.groups import Group, GroupRule, find_groups, referenced
from simsvc.core.library import ReferenceLibrary
from simsvc.core.suspicion import Reconciler, Suspicion, suspicion
from simsvc.domain.signals.combine import OnlineFdr
from simsvc.domain.signals.population import Ints, Population, sampled_from
from simsvc.domain.signals.twins import Floats, TwinRule
from simsvc.domain.verdict import Measures, Thresholds
from simsvc.ports.index import VectorIndex

_MICRO = 1e6
# Conversations between two places of a pool, with their weight.
Moves = list[tuple[int, int, float]]


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
class Samples:
    """What is kept of m accounts (see `AccountBook.samples`), and totals (m,).

    As in `Population`, times in seconds.
    """

    actors: Ints
    kept: npt.NDArray[np.void]
    alone: Floats
    volumes: Floats
    onsets: Floats
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
        self._taken_up = 0
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

    @property
    def unlooked(self) -> int:
        """Prompts that came after the last pass whose findings were taken up."""
        return self._book.observed - self._taken_up

    def take_up(self) -> None:
        """Note that what the last pass found is taken up."""
        self._taken_up = max(self._looked_at, 0)

    def analyse(self, population: Population, moves: Moves) -> list[Suspicion]:
        """Look at a pool of accounts. Beside the traffic: it reads nothing that changes."""
        matches = self._library.match(population.vectors, population.frames, population.seqs)
        population = population.without(matches.allowed)
        if len(population.actors) < self._rule.least_accounts or not len(population.owners):
            return []
        found = matches.without(matches.allowed)
        vectors = population.centred()
        measurer = Measurer(population, vectors, self.thresholds, found)
        groups = find_groups(population, vectors, moves, self._group_rule())
        groups += referenced(population, found.sets, self._group_rule())
        reconciler = Reconciler(measurer, self.thresholds, self._rule.least_accounts)
        return [
            suspicion(population, measurer, judged)
            for judged in reconciler.reconciled(groups)
            if self._fdr.discover(judged.verdict.log_p)
        ]

    def measures(self, population: Population, moves: Moves) -> list[Measures]:
        """Measure every candidate group, whatever its verdict would be."""
        vectors = population.centred()
        measurer = Measurer(population, vectors, self.thresholds)
        groups = find_groups(population, vectors, moves, self._group_rule())
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

    def population(self, first: Iterable[int]) -> Population:
        """Gather the samples of a pool, with their vectors: those named `first` in any case."""
        return self.populated(self.gather(first))

    def gather(self, first: Iterable[int]) -> Samples:
        """Copy what is kept of a pool of accounts; on the thread that adds to it."""
        self._looked_at = self._book.observed
        actors = self._book.pool(self._rule.pool, first)
        states = [self._book.states[a] for a in actors]
        kept, alone = self._book.samples(actors)
        return Samples(
            actors=np.array(actors, np.int64),
            kept=kept,
            alone=alone,
            volumes=np.array([s.prompts for s in states], np.float64),
            onsets=np.array([s.first / _MICRO for s in states], np.float64),
            moves=np.array([s.moved for s in states], np.float64),
            continued=np.array([s.continued for s in states], np.float64),
        )

    def populated(self, samples: Samples) -> Population:
        """Look up the vectors of samples. Any thread: fetching them takes longer than all else."""
        rows, owners = sampled(samples.kept)
        shares = isolation(samples.kept, samples.alone, samples.volumes)
        vectors = self._index.vectors(rows["seq"].tolist()) if len(rows) else np.zeros((0, 1))
        there = vectors.any(axis=1)
        rows, owners, vectors = rows[there], owners[there], vectors[there]
        return Population(
            actors=samples.actors,
            vectors=vectors.astype(np.float32, copy=False),
            owners=owners,
            times=rows["at"] / _MICRO,
            isolated=rows["isolated"],
            stands_for=sampled_from(rows["isolated"], owners, samples.volumes, shares),
            frames=rows["frame"],
            families=rows["family"],
            seqs=rows["seq"],
            moved=rows["moved"],
            volumes=samples.volumes,
            onsets=samples.onsets,
            isolation=shares,
            moves=samples.moves,
            continued=samples.continued,
        )

    def look_again(self) -> None:
        """Let the next pass be due at once."""
        self._looked_at = -1
        self._taken_up = 0

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
