"""S2: accounts that share several rare near-duplicate families.

A family that a accounts use weighs 1/ln(1 + a), so that what everybody asks says little and cover
cannot dilute the rest (the camouflage-resistant weights of Hooi et al. 2016, FRAUDAR, KDD).
Null: two accounts share items as two ordinary prompts happen to be the same, so that the number of
pairs of accounts with several in common is nearly Poisson.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from simsvc.domain.signals.tails import log_poisson_at_least

_COMMON = 64


def family_weight(accounts: int) -> float:
    """Return the weight of a family that so many accounts use."""
    return 1.0 / math.log(1.0 + max(accounts, 2))


def lockstep_edges(families: Mapping[int, Set[int]], least: int) -> list[tuple[int, int, float]]:
    """Return pairs of accounts with at least `least` families in common, and the weight of these.

    `families` maps a family to its accounts; one of more than 64 is too common to tell.
    """
    shared: defaultdict[tuple[int, int], list[float]] = defaultdict(list)
    for accounts in families.values():
        if 2 <= len(accounts) <= _COMMON:
            weight = family_weight(len(accounts))
            for pair in combinations(sorted(accounts), 2):
                shared[pair].append(weight)
    return [(a, b, sum(w)) for (a, b), w in sorted(shared.items()) if len(w) >= least]


@dataclass(frozen=True, slots=True)
class Lockstep:
    """How many of a group's `pairs` of accounts share several families, and by chance; ln p."""

    pairs: int
    expected: float
    log_p: float


def lockstep_of(families: Mapping[int, Set[int]], prompts: Sequence[int], rate: float) -> Lockstep:
    """Count pairs of a group that share two families or more.

    `prompts` are the accounts' numbers of prompts, `rate` the ordinary chance that two prompts of
    two accounts are one item: two accounts with n and m prompts share a number of items that is
    Poisson with mean n m rate, hence two or more with about the square of it over two.
    """
    counts = np.asarray(prompts, np.float64)
    squares = float((counts**2).sum())
    both = (squares**2 - float((counts**4).sum())) / 2
    expected = max(rate**2 * both / 2, 1e-12)
    pairs = len(lockstep_edges(families, 2))
    return Lockstep(pairs, expected, log_poisson_at_least(pairs, expected))
