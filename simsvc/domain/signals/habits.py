"""Whether an account's share of a group's source is a task or a habit.

A scheduler's prompts lie between the bursts in which people send. Whoever is in a group for that
kind of prompt, but asks it in bursts as well, asks it for itself. How many of an account's B
prompts in bursts are like the source, b, is Poisson with mean

    B f + r k        if k of its isolated prompts are a task, r as many in bursts as usual there;
    B k/I            if k of I are a habit, as frequent in bursts as between them;

f is the share of bursts that is like the source by chance. Before anything is seen, one account of
ten has a habit: were that estimated from the group, members without any bursts, of whom nothing is
seen, would go down with the accounts around them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy

from simsvc.domain.signals.robust import weighted_median
from simsvc.domain.signals.twins import Floats

# Of a task too, some prompts happen to fall into a burst.
_FALLEN = 0.05
_HABIT = 0.1


@dataclass(frozen=True, slots=True)
class Likeness:
    """Of each account (m,): prompts between bursts and in bursts, and those like the source."""

    alone: Floats
    alone_like: Floats
    bursts: Floats
    bursts_like: Floats


def log_odds_of_task(seen: Likeness, chance: float) -> Floats:
    """Return the log odds (m,) that each account has a task, not a habit.

    `chance` is the share of ordinary accounts' prompts in bursts that is like the source.
    """
    k, b = seen.alone_like, seen.bursts_like
    usual = weighted_median(b / (k + 0.5), k)
    task = seen.bursts * max(chance, 1e-4) + (usual + _FALLEN) * (k + 0.5)
    habit = np.maximum(seen.bursts * (k + 0.5) / (seen.alone + 1.0), task)
    count = scipy.stats.poisson
    ratio = np.asarray(count.logpmf(b, task) - count.logpmf(b, habit), np.float64)
    return ratio + math.log((1 - _HABIT) / _HABIT)


def either(odds: Floats, other: Floats) -> Floats:
    """Combine log odds (m,) against two alternatives: 1/(1/o₁ + 1/o₂) of the odds."""
    combined: Floats = -np.logaddexp(-odds, -other)
    return combined
