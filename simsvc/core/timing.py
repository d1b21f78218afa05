"""When a group's accounts send, against the accounts that could have been in it."""

from __future__ import annotations

import numpy as np

from simsvc.domain.signals import schedule
from simsvc.domain.signals.population import Flags, Ints, Population
from simsvc.domain.signals.twins import Floats

_SMALLEST = 0.05
_ALONE = 2
# Share of the time looked at in which an account may have been there all along.
_CENSORED = 0.15
_BACKGROUND_PROMPTS = 3


class Timing:
    """The schedule tests (S5) of groups in one population."""

    def __init__(self, population: Population) -> None:
        self._all = population
        self._places = len(population.actors)
        # Prompts of one burst say one thing about the hours of an account.
        self._starts = schedule.starts(population.times, population.owners)
        self._wakeful = self._hours(np.ones(len(population.owners), np.bool_))

    def tests(self, members: Ints, source: Flags) -> dict[str, float]:
        """Return ln p of each test of a group's schedule, by its name."""
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
            "onset": schedule.log_p_joint_onset(*self._onsets(members, large)),
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
