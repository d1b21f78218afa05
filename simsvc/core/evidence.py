"""A candidate group measured: every signal with its number and its null."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy

from simsvc.core.bystanders import Bystanders
from simsvc.core.claims import claims_of, lockstep_evidence, reference_evidence
from simsvc.core.groups import SESSION, Group
from simsvc.core.library import Matches
from simsvc.core.timing import Timing
from simsvc.domain.campaign import Evidence
from simsvc.domain.signals import schedule
from simsvc.domain.signals.collisions import collisions, cross_pairs
from simsvc.domain.signals.combine import combined_log_p
from simsvc.domain.signals.coverage import Coverage, coverage_of
from simsvc.domain.signals.lockstep import Lockstep, lockstep_of
from simsvc.domain.signals.migration import Moves, moves
from simsvc.domain.signals.population import Flags, Ints, Population
from simsvc.domain.signals.references import ReferenceHits, reference_hits
from simsvc.domain.signals.shared_frame import FrameUse, log_p_shared_frame
from simsvc.domain.signals.tails import log_choose
from simsvc.domain.signals.twins import (
    Cohesion,
    Vectors,
    cohesion_of,
    sums_by_owner,
    sums_of,
    within_noise,
)
from simsvc.domain.verdict import Measures, Thresholds

_SHOWN = 16
_LEAST_PAIRS = 20
# Farther out, the normal law is no guide.
_NORMAL_TAIL = -700.0


@dataclass(frozen=True, slots=True)
class Measured:
    """A group with its measures, the evidence in words and numbers, and its coverage."""

    group: Group
    measures: Measures
    evidence: tuple[Evidence, ...]
    coverage: Coverage
    frame: int
    seqs: tuple[int, ...]


class Measurer:
    """Measures groups of one population."""

    def __init__(
        self,
        population: Population,
        vectors: Vectors,
        thresholds: Thresholds,
        matches: Matches | None = None,
    ) -> None:
        self._matches = matches
        self._all = population
        self._vectors = vectors
        self._thresholds = thresholds
        self._places = len(population.actors)
        sums = sums_of(vectors, population.owners, self._places)
        self._noise = within_noise(vectors, population.owners, sums)
        self._timing = Timing(population)
        self.bystanders = Bystanders(population, vectors, thresholds)

    def measure(self, group: Group) -> Measured:
        """Measure a group."""
        members = group.members
        source = group.source & np.isin(self._all.owners, members)
        seen, chance = self._content(source)
        items = self._all.asked(source)
        same, pairs = cross_pairs(items)
        crossing = collisions(same, pairs, self._thresholds.collision_rate)
        coverage = coverage_of(items)
        tests = self._timing.tests(members, source)
        frame, use = self._frame(members, source)
        moved = self._moves(members)
        reference, hits = self._reference(source)
        measures = Measures(
            actors=len(members),
            exchangeability=seen.exchangeability,
            labour=self._labour(members, source, same, pairs),
            log_p_cohesion=chance,
            log_p_replay=crossing.log_p_more,
            log_p_schedule=combined_log_p(list(tests.values())),
            log_p_isolated=tests["isolation"],
            log_p_frame=log_p_shared_frame(use) if use else 0.0,
            log_p_session=moved.log_p,
            like_volumes=tests["volumes"] <= math.log(0.01),
            framed=use.prompts / max(int(source.sum()), 1) if use else 0.0,
            movers=float((self._all.moves[members] > 0).mean()),
            distinct=coverage.distinct / max(coverage.prompts, 1),
            collision_rate=same / max(pairs, 1),
            successive=schedule.successive(self._all.times[source], self._all.owners[source]),
            reference=hits.hits / max(int(source.sum()), 1) if hits else 0.0,
        )
        shown = self._typical(source)
        evidence = claims_of(measures, seen, crossing, tests, use, moved, shown)
        together = self._lockstep(source)
        if together.log_p < math.log(1e-3):
            evidence += (lockstep_evidence(together, shown),)
        if hits:
            evidence += (reference_evidence(reference, hits, shown),)
        return Measured(group, measures, evidence, coverage, frame, shown)

    def _content(self, source: Flags) -> tuple[Cohesion, float]:
        """Return the cohesion of the group's source, and ln p of it.

        Under the null, S between accounts has mean 0 and variance 2 τ²/pairs. Some group out of
        all is the most alike: the bound of Boole over all groups of so many accounts pays for it.
        """
        places, sums = sums_by_owner(self._vectors[source], self._all.owners[source])
        if len(places) < 2:
            return Cohesion(0.0, 0.0), 0.0
        seen = cohesion_of(sums)
        if (sums.n * (sums.n - 1)).sum() < _LEAST_PAIRS:
            # Hardly an account has two prompts: nothing tells its habits from the group's.
            seen = Cohesion(seen.cross, math.inf)
        pairs = sums.n.sum() ** 2 - (sums.n**2).sum()
        error = self._noise * math.sqrt(2 / max(pairs, 1.0))
        groups = log_choose(self._places, len(places))
        log_p = float(scipy.stats.norm.logsf(seen.cross / max(error, 1e-12))) + groups
        return seen, min(0.0, max(log_p, _NORMAL_TAIL))

    def _labour(self, members: Ints, source: Flags, same: int, pairs: int) -> float:
        """Return the size of the set that is asked for over the items that one account asks.

        Two random prompts of a set of K items are the same with chance 1/K, whatever sample of
        them is kept: K = pairs/same.
        """
        asked = float(self._all.sent(source)[members].mean())
        return pairs / max(same, 1) / max(asked, 1.0)

    def _frame(self, members: Ints, source: Flags) -> tuple[int, FrameUse | None]:
        """Return the frame that most of the group's prompts have, and how it is used."""
        frames = self._all.frames
        names, counts = np.unique(frames[source & (frames != 0)], return_counts=True)
        if not len(names):
            return 0, None
        frame = int(names[counts.argmax()])
        users = np.unique(self._all.owners[frames == frame])
        inside = int(np.isin(users, members).sum())
        held = source & (frames == frame)
        payloads = len(np.unique(self._all.items[held]))
        return frame, FrameUse(
            inside=inside,
            members=len(members),
            outside=len(users) - inside,
            others=self._places - len(members),
            prompts=int(held.sum()),
            payloads=payloads,
        )

    def _reference(self, source: Flags) -> tuple[str, ReferenceHits | None]:
        """Return the data set that most of the group's prompts are in, and how it is asked for."""
        found = self._matches
        if found is None or not (found.sets[source] >= 0).any():
            return "", None
        place = int(np.bincount(found.sets[source & (found.sets >= 0)]).argmax())
        mine = source & (found.sets == place)
        asked: dict[int, set[int]] = {}
        for owner, item in zip(
            self._all.owners[mine].tolist(), found.items[mine].tolist(), strict=True
        ):
            asked.setdefault(owner, set()).add(item)
        return found.names[place], reference_hits(asked, int(mine.sum()), found.sizes[place])

    def _lockstep(self, source: Flags) -> Lockstep:
        used: dict[int, set[int]] = {}
        for owner, item in self._all.asked(source):
            used.setdefault(item, set()).add(owner)
        shared = {item: owners for item, owners in used.items() if len(owners) > 1}
        counts = np.unique(self._all.owners[source], return_counts=True)[1].tolist()
        return lockstep_of(shared, counts, self._thresholds.collision_rate)

    def _moves(self, members: Ints) -> Moves:
        moved, continued = self._all.moves[members].sum(), self._all.continued[members].sum()
        return moves(int(moved), int(continued), self._thresholds.move_rate)

    def _typical(self, source: Flags) -> tuple[int, ...]:
        """Return the seqs of the prompts nearest to the group's mean, of different accounts."""
        places = np.flatnonzero(source)
        if not len(places):
            return ()
        mean = self._vectors[places].mean(axis=0)
        ranked = places[np.argsort(-(self._vectors[places] @ mean), kind="stable")]
        _, first = np.unique(self._all.owners[ranked], return_index=True)
        return tuple(self._all.seqs[ranked[np.sort(first)[:_SHOWN]]].tolist())

    def reasons(self, measured: Measured, place: int, named: Flags) -> tuple[str, ...]:
        """Say what put one account in the group; `named` (n,) are the prompts of its source."""
        mine = self._all.owners == place
        source = int((mine & named).sum())
        odds = measured.group.odds[place]
        said = [
            f"{source} of {int(mine.sum())} prompts looked at are of the group's source "
            f"(log odds {odds:.1f})"
        ]
        if measured.frame:
            framed = int((mine & (self._all.frames == measured.frame)).sum())
            if framed:
                said.append(f"{framed} prompts in the group's frame")
        if SESSION in measured.group.routes and self._all.moves[place]:
            said.append(f"{int(self._all.moves[place])} conversations moved here")
        said.append(f"{100 * self._all.isolation[place]:.0f}% of its prompts stand alone in time")
        return tuple(said)
