"""A candidate group measured: every signal with its number and its null."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from simsvc.core.claims import claims_of, lockstep_evidence, reference_evidence
from simsvc.core.groups import SESSION, Group
from simsvc.core.library import Matches
from simsvc.domain.campaign import Evidence
from simsvc.domain.signals import schedule
from simsvc.domain.signals.attribution import shortfall
from simsvc.domain.signals.collisions import collisions, cross_pairs
from simsvc.domain.signals.combine import combined_log_p
from simsvc.domain.signals.coverage import Coverage, coverage_of, labours
from simsvc.domain.signals.lockstep import Lockstep, lockstep_of
from simsvc.domain.signals.migration import Moves, moves
from simsvc.domain.signals.population import Flags, Ints, Population
from simsvc.domain.signals.references import ReferenceHits, reference_hits
from simsvc.domain.signals.shared_frame import FrameUse, log_p_shared_frame
from simsvc.domain.signals.tails import log_choose
from simsvc.domain.signals.twins import (
    Cohesion,
    Floats,
    Vectors,
    cohesion_of,
    sums_of,
    within_noise,
)
from simsvc.domain.verdict import Measures, Thresholds

_SHOWN = 16
_LEAST_PAIRS = 20
_LEAST_SAME = 3
# Farther out, the normal law is no guide.
_NORMAL_TAIL = -700.0
_SMALLEST = 0.05
_ALONE = 2
# Share of the time looked at in which an account may have been there all along.
_CENSORED = 0.15
_BACKGROUND_PROMPTS = 3


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
        # Prompts of one burst say one thing about the hours of an account.
        self._starts = schedule.starts(population.times, population.owners)
        self._wakeful = self._hours(np.ones(len(population.owners), np.bool_))

    def measure(self, group: Group) -> Measured:
        """Measure a group."""
        members = group.members
        source = group.source & np.isin(self._all.owners, members)
        seen, chance = self._content(source)
        items = self._items(source)
        same, pairs = cross_pairs(items)
        crossing = collisions(same, pairs, self._thresholds.collision_rate)
        coverage = coverage_of(items)
        tests = self._schedule(members, source)
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

    def saturated(self, group: Group) -> set[int]:
        """Return the accounts of a group that ask most of a small set which all of them ask.

        A class has its homework, a benchmark its runners: they share a source, but no work.
        """
        members = group.members
        source = group.source & np.isin(self._all.owners, members)
        asked = dict(zip(members.tolist(), self._asked(members, source).tolist(), strict=True))
        found = labours(self._items(source), asked, _LEAST_SAME)
        return {place for place, labour in found.items() if labour < self._thresholds.labour}

    def without_bystanders(self, group: Group) -> Group:
        """Return a group less the accounts that hardly take part in its work.

        Where an exact signal names the accounts, how much each sent does not matter.
        """
        if group.exact:
            return group
        members = group.members
        source = group.source & np.isin(self._all.owners, members)
        less = shortfall(self._asked(members, source))
        odds = {
            place: group.odds[place] + loss
            for place, loss in zip(members.tolist(), less.tolist(), strict=True)
            if group.odds[place] + loss > 0
        }
        return replace(group, odds=odds)

    def _content(self, source: Flags) -> tuple[Cohesion, float]:
        """Return the cohesion of the group's source, and ln p of it.

        Under the null, S between accounts has mean 0 and variance 2 τ²/pairs. Some group out of
        all is the most alike: the bound of Boole over all groups of so many accounts pays for it.
        """
        owners = self._all.owners[source]
        places, local = np.unique(owners, return_inverse=True)
        if len(places) < 2:
            return Cohesion(0.0, 0.0), 0.0
        sums = sums_of(self._vectors[source], local, len(places))
        seen = cohesion_of(sums)
        if (sums.n * (sums.n - 1)).sum() < _LEAST_PAIRS:
            # Hardly an account has two prompts: nothing tells its habits from the group's.
            seen = Cohesion(seen.cross, math.inf)
        pairs = sums.n.sum() ** 2 - (sums.n**2).sum()
        error = self._noise * math.sqrt(2 / max(pairs, 1.0))
        groups = log_choose(self._places, len(places))
        log_p = float(stats.norm.logsf(seen.cross / max(error, 1e-12))) + groups
        return seen, min(0.0, max(log_p, _NORMAL_TAIL))

    def _items(self, source: Flags) -> list[tuple[int, int]]:
        owners, asked = self._all.owners[source], self._all.items[source]
        return list(zip(owners.tolist(), asked.tolist(), strict=True))

    def _labour(self, members: Ints, source: Flags, same: int, pairs: int) -> float:
        """Return the size of the set that is asked for over the items that one account asks.

        Two random prompts of a set of K items are the same with chance 1/K, whatever sample of
        them is kept: K = pairs/same.
        """
        asked = float(self._asked(members, source).mean())
        return pairs / max(same, 1) / max(asked, 1.0)

    def _asked(self, members: Ints, source: Flags) -> Floats:
        """Estimate how many prompts of the source each member sent, beyond those looked at."""
        kept = np.bincount(self._all.owners, minlength=self._places)[members]
        mine = np.bincount(self._all.owners[source], minlength=self._places)[members]
        sent: Floats = self._all.volumes[members] * mine / np.maximum(kept, 1)
        return sent

    def _schedule(self, members: Ints, source: Flags) -> dict[str, float]:
        volumes = self._all.volumes
        inside = np.zeros(self._places, np.bool_)
        inside[members] = True
        others = np.flatnonzero(~inside & (volumes >= _BACKGROUND_PROMPTS))
        isolation = self._all.isolation
        # To be in a group takes some prompts, isolated ones as a rule: whoever has fewer could
        # not be, and is no measure of those who are.
        large = others[volumes[others] >= np.quantile(volumes[members], _SMALLEST)]
        lone = others[(isolation * volumes)[others] >= _ALONE]
        if len(lone) < len(members):
            # Hardly anybody else could have been in it, which is the very thing to be told.
            lone = others
        hours = self._hours(source)
        return {
            "isolation": schedule.log_p_isolated(isolation[members], isolation[lone]),
            "volumes": schedule.log_p_like_volumes(volumes[members], volumes[large]),
            "order": schedule.log_p_too_regular(self._all.owners[source]),
            "onset": schedule.log_p_joint_onset(*self._onsets(members, others)),
            "nights": schedule.log_p_no_nights(hours[members], self._wakeful[others]),
        }

    def _hours(self, chosen: Flags) -> Floats:
        chosen = chosen & self._starts
        owners = self._all.owners[chosen]
        return schedule.wakefulness(self._all.times[chosen], owners, self._places)

    def _onsets(self, members: Ints, others: Ints) -> tuple[Floats, Floats]:
        """Return the first prompts of those that were not there from the beginning.

        When the others began is not known: whoever sends much seems to begin with the record.
        """
        onsets = self._all.onsets
        early = onsets.min() + _CENSORED * np.ptp(onsets)
        mine, theirs = onsets[members], onsets[others]
        mine, theirs = mine[mine > early], theirs[theirs > early]
        return (mine if 2 * len(mine) > len(members) else mine[:0]), theirs

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
        for owner, item in self._items(source):
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

    def reasons(self, measured: Measured, place: int) -> tuple[str, ...]:
        """Say what put one account in the group."""
        mine = self._all.owners == place
        source = int((mine & measured.group.source).sum())
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
