"""S2: accounts that share several rare near-duplicate families.

A family that a accounts use weighs 1/ln(1 + a), so that what everybody asks says little and cover
cannot dilute the rest (the camouflage-resistant weights of Hooi et al. 2016, FRAUDAR, KDD).
Null for two accounts: each uses a family independently with its share of all accounts, so that the
number of families in common is nearly Poisson with the sum of the squared shares.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Set
from itertools import combinations

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


def log_p_lockstep(shared: int, family_accounts: list[int], accounts: int) -> float:
    """Test how many families two accounts share, of families with so many accounts each."""
    expected = sum((a / max(accounts, 1)) ** 2 for a in family_accounts)
    return log_poisson_at_least(shared, max(expected, 1e-300))
