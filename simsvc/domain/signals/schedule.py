"""S5: accounts that one scheduler feeds.

People send in bursts, at the hours when they are awake, each as much as they like. A scheduler
spreads a queue of jobs over its accounts: no bursts, no nights, like volumes, one beginning.
Each test compares the accounts of a group with those of ordinary traffic, or the group's arrivals
with themselves in random order.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import numpy.typing as npt
import scipy

from simsvc.domain.signals.tails import finite, log_poisson_at_most

Floats = npt.NDArray[np.float64]
_DAY = 86400.0
_BURST = 900.0
_LEAST = 4
_PART = 0.35
_CLOSER_BY_HABIT = 0.6


def starts(times: Floats, owners: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Return which prompts (n,) begin a burst: none of their account in the 15 minutes before."""
    order = np.lexsort((times, owners))
    follows = np.zeros(len(times), np.bool_)
    near = np.diff(times[order]) <= _BURST
    follows[order[1:]] = near & (np.diff(owners[order]) == 0)
    return ~follows


def wakefulness(times: Floats, owners: npt.NDArray[np.int64], count: int) -> Floats:
    """Return how much each of `count` accounts keeps to its hours: 1 always at one, 0 at all alike.

    The squared length of the mean of the times of day (n,) as points on a circle, less what n
    random points have, 1/n (Mardia and Jupp 2000, Directional Statistics, section 4.7). `times`
    are in seconds; an account of fewer than two prompts has NaN.
    """
    angles = 2 * np.pi * (times % _DAY) / _DAY
    n = np.bincount(owners, minlength=count).astype(np.float64)
    east = np.bincount(owners, np.cos(angles), minlength=count)
    north = np.bincount(owners, np.sin(angles), minlength=count)
    with np.errstate(divide="ignore", invalid="ignore"):
        kept: Floats = ((east**2 + north**2) / n - 1) / (n - 1)
    return np.where(n > 1, kept, np.nan)


def log_p_isolated(group: Floats, others: Floats) -> float:
    """Test that a group's shares of isolated prompts (n,) exceed ordinary accounts' (m,).

    Mann and Whitney 1947, Annals of Mathematical Statistics 18, 50–60, one-sided. Null: a group's
    accounts are drawn from all.
    """
    return _mann_whitney(group, others, "greater")


def log_p_no_nights(group: Floats, others: Floats) -> float:
    """Test that a group's `wakefulness` (n,) is less than ordinary accounts' (m,). As above."""
    return _mann_whitney(group[~np.isnan(group)], others[~np.isnan(others)], "less")


def log_p_like_volumes(group: Floats, others: Floats) -> float:
    """Test that volumes (n,) of a group differ less than ordinary accounts' (m,) do.

    On the distances of their logarithms to the median (Brown and Forsythe 1974, JASA 69, 364–367),
    but by ranks: a t test of a dozen skewed distances claims more than a dozen can show.
    """
    return _closer(np.log(group), np.log(others))


def log_p_too_regular(actors: npt.NDArray[np.int64]) -> float:
    """Test that the same account follows itself too seldom in a group's arrivals (n,) in order.

    With counts n_i of N arrivals in random order, Σ n_i (n_i − 1)/N neighbours are of one account
    (Barton and David 1957, JRSS B 19, 168–178); their number is nearly Poisson. Lower tail. Null:
    arrivals at random; bursts, as people's are, only make for more.
    """
    n = len(actors)
    if n < _LEAST:
        return 0.0
    counts = np.unique(actors, return_counts=True)[1].astype(np.float64)
    expected = float((counts * (counts - 1)).sum() / n)
    same = int((actors[1:] == actors[:-1]).sum())
    return log_poisson_at_most(same, expected)


def log_p_joint_onset(group: Floats, others: Floats) -> float:
    """Test that first prompts (n,) of a group lie closer together than ordinary accounts' (m,).

    The same test as for volumes, on the times themselves.
    """
    return _closer(group, others)


def _closer(group: Floats, others: Floats) -> float:
    """Test that a group's values lie closer to their median than the others' to theirs.

    Accounts that write alike also differ a little from all others in when and how much they send:
    only what exceeds that margin counts, a chance of 0.6 that a random one of them is the closer.
    """
    n, m = len(group), len(others)
    if min(n, m) < _LEAST:
        return 0.0
    mine, theirs = (np.abs(x - np.median(x)) for x in (group, others))
    ranks = scipy.stats.rankdata(np.concatenate([mine, theirs]))
    closer = 1 - (float(ranks[:n].sum()) - n * (n + 1) / 2) / (n * m)
    error = math.sqrt((n + m + 1) / (12 * n * m))
    return finite(float(scipy.stats.norm.logsf((closer - _CLOSER_BY_HABIT) / error)))


def successive(times: Floats, owners: npt.NDArray[np.int64]) -> bool:
    """Tell whether one part of the accounts ended before another began, as after a ban.

    `times` (n,) in seconds with their accounts (n,). True if at least 35 % of those with two
    prompts or more end before the middle of all, and 35 % begin after it.
    """
    spans = []
    for owner in np.unique(owners):
        mine = times[owners == owner]
        if len(mine) > 1:
            spans.append((mine.min(), mine.max()))
    if len(spans) < 2 * _LEAST:
        return False
    ends = np.array(spans)
    middle = np.median(ends.mean(axis=1))
    before, after = (ends[:, 1] <= middle).mean(), (ends[:, 0] >= middle).mean()
    return bool(before >= _PART and after >= _PART)


def _mann_whitney(group: Floats, others: Floats, side: Literal["less", "greater"]) -> float:
    if min(len(group), len(others)) < _LEAST:
        return 0.0
    result = scipy.stats.mannwhitneyu(group, others, alternative=side, method="asymptotic")
    return _log(float(result.pvalue))


def _log(p: float) -> float:
    return finite(math.log(p)) if p > 0 else (-700.0 if p == 0 else 0.0)
