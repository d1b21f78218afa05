"""Who is in a group for being like it, without a part in its work."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import numpy as np

from simsvc.core.groups import TWINS, Group
from simsvc.domain.signals.attribution import shortfall
from simsvc.domain.signals.coverage import labours
from simsvc.domain.signals.habits import Likeness, either, log_odds_of_task
from simsvc.domain.signals.population import Flags, Ints, Population
from simsvc.domain.signals.twins import Floats, Vectors
from simsvc.domain.verdict import Thresholds

_LEAST_SAME = 3
_RIDGE = 0.2
# Share of a group's own prompts that need not be like the source.
_UNLIKE = 0.25


class Bystanders:
    """Tells members of groups in one population from those who stand by."""

    def __init__(self, population: Population, vectors: Vectors, thresholds: Thresholds) -> None:
        self._all = population
        self._vectors = vectors
        self._thresholds = thresholds

    def saturated(self, group: Group) -> set[int]:
        """Return the accounts of a group that ask most of a small set which all of them ask.

        A class has its homework, a benchmark its runners: they share a source, but no work.
        """
        members = group.members
        source = self._source(group)
        asked = dict(zip(members.tolist(), self._all.sent(source)[members].tolist(), strict=True))
        found = labours(self._all.asked(source), asked, _LEAST_SAME)
        return {place for place, labour in found.items() if labour < self._thresholds.labour}

    def let_go(self, group: Group) -> Group:
        """Return a group less the accounts with a habit, and those that hardly take part.

        Where an exact signal names the accounts, how much each sent does not matter.
        """
        if group.exact or not self._source(group).any():
            return group
        members = group.members
        if group.routes == {TWINS}:
            # A likeness is all that names them; a frame or a set that is known names by itself.
            odds = either(np.array([group.odds[p] for p in members.tolist()]), self._task(group))
            group = _kept(group, members, odds)
            if not group.odds:
                return group
            members = group.members
        odds = np.array([group.odds[p] for p in members.tolist()])
        return _kept(group, members, odds + shortfall(self._all.sent(self._source(group))[members]))

    def _source(self, group: Group) -> Flags:
        return group.source & np.isin(self._all.owners, group.members)

    def _task(self, group: Group) -> Floats:
        """Return the log odds that each member's share of the source is a task, not a habit."""
        source, members = self._source(group), group.members
        mean = self._vectors[source].mean(axis=0)
        scores = self._vectors @ (self._precision @ mean).astype(np.float32)
        like = scores > np.quantile(scores[source], _UNLIKE)
        alone, bursts = self._all.isolated, ~self._all.isolated
        outside = bursts & ~np.isin(self._all.owners, members)
        chance = float(like[outside].mean()) if outside.any() else 0.0

        def count(chosen: Flags) -> Floats:
            counts = np.bincount(self._all.owners[chosen], minlength=len(self._all.actors))
            return counts[members].astype(np.float64)

        seen = Likeness(count(alone), count(alone & like), count(bursts), count(bursts & like))
        return log_odds_of_task(seen, chance)

    @cached_property
    def _precision(self) -> Floats:
        """(Covariance + ridge)⁻¹ of all prompts, as in `attribution`."""
        covariance = np.cov(self._vectors.T).astype(np.float64)
        ridge = _RIDGE * max(float(np.trace(covariance)), 1e-6) / len(covariance)
        return np.linalg.inv(covariance + ridge * np.eye(len(covariance))).astype(np.float64)


def _kept(group: Group, members: Ints, odds: Floats) -> Group:
    """Return a group with the log odds (m,) of its members, less those with less than even odds."""
    both = zip(members.tolist(), odds.tolist(), strict=True)
    return replace(group, odds={place: o for place, o in both if o > 0})
