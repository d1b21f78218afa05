"""S4: accounts that share items more often than chance has it, or less often.

Of N prompts spread over a region, the pairs from two accounts that are near-duplicates number λ by
chance: pairs in the region times the chance that two ordinary prompts of one region are the same
item, which ordinary traffic tells. Replayed sets and homework lie far above λ, a set that is shared
out so that each item is asked once below it. Both tails are Poisson (the birthday problem; Arratia,
Goldstein, Gordon 1990, Statistical Science 5, 403–424).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from simsvc.domain.signals.tails import log_poisson_at_least, log_poisson_at_most


@dataclass(frozen=True, slots=True)
class Collisions:
    """`observed` pairs of different accounts with the same item, `expected` by chance.

    `log_p_more` and `log_p_fewer` are the tails (natural logarithms).
    """

    observed: int
    expected: float
    log_p_more: float
    log_p_fewer: float


def cross_pairs(items: Iterable[tuple[int, int]]) -> tuple[int, int]:
    """Count pairs of prompts from two accounts: those of one item, and all.

    `items` are (account, item); item 0 stands for one that nobody else asked.
    """
    by_item: defaultdict[int, Counter[int]] = defaultdict(Counter)
    everyone: Counter[int] = Counter()
    for account, item in items:
        everyone[account] += 1
        if item:
            by_item[item][account] += 1
    same = sum(_pairs(accounts) for accounts in by_item.values())
    return same, _pairs(everyone)


def collisions(same: int, pairs: int, rate: float) -> Collisions:
    """Test `same` of `pairs` against the ordinary chance `rate` that a pair is one item."""
    expected = max(pairs * rate, 1e-12)
    more = log_poisson_at_least(same, expected)
    return Collisions(same, expected, more, log_poisson_at_most(same, expected))


def _pairs(counts: Counter[int]) -> int:
    total = sum(counts.values())
    return (total * total - sum(c * c for c in counts.values())) // 2
