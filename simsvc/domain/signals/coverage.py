"""S8: how much of a set has been asked for. It supports a case and never decides one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass


def labours(
    items: Iterable[tuple[int, Hashable]], asked: Mapping[int, float], least: int
) -> dict[int, float]:
    """Return, by account, how many accounts' worth of items the set has that it shares in.

    Two random prompts of a set of K items are the same with chance 1/K, whatever sample of them is
    kept: K is the pairs of an account's prompts and those of accounts that share an item with it,
    over the pairs that are the same; less one for each of these accounts, which it took to choose
    them. `asked` is how many prompts of the set an account sent in all. Accounts with fewer than
    `least` such pairs are left out: it may be chance.
    """
    by_account: defaultdict[int, Counter[Hashable]] = defaultdict(Counter)
    by_item: defaultdict[Hashable, set[int]] = defaultdict(set)
    for account, item in items:
        by_account[account][item] += 1
        by_item[item].add(account)
    found = {}
    for account, mine in by_account.items():
        others = set().union(*(by_item[item] for item in mine)) - {account}
        pairs = mine.total() * sum(by_account[other].total() for other in others)
        same = sum(n * by_account[o][i] for i, n in mine.items() for o in by_item[i] - {account})
        if same - len(others) >= least:
            found[account] = pairs / (same - len(others)) / max(asked[account], 1.0)
    return found


@dataclass(frozen=True, slots=True)
class Coverage:
    """`prompts` asked for `distinct` items.

    `unseen`: chance that the next prompt asks for an item not seen yet. `size`: estimate of the
    number of items in all, a lower bound; None where nothing came twice, and nothing can be said.
    `labour`: distinct items of all accounts over those of the mean account.
    """

    prompts: int
    distinct: int
    unseen: float
    size: int | None
    labour: float


def coverage_of(items: Iterable[tuple[int, Hashable]]) -> Coverage:
    """Measure what was asked, given as (account, item).

    Unseen mass f₁/n: Good 1953, Biometrika 40, 237–264. Size by Chao1,
    S + f₁ (f₁ − 1)/(2 (f₂ + 1)): Chao 1984, Scandinavian Journal of Statistics 11, 265–270.
    """
    asked = list(items)
    counts = Counter(item for _, item in asked)
    once = sum(1 for c in counts.values() if c == 1)
    twice = sum(1 for c in counts.values() if c == 2)
    by_account = Counter(account for account, _ in set(asked))
    mean = len(set(asked)) / max(len(by_account), 1)
    size = None
    if len(counts) < len(asked):
        size = len(counts) + once * (once - 1) // (2 * (twice + 1))
    return Coverage(
        prompts=len(asked),
        distinct=len(counts),
        unseen=once / len(asked) if asked else 1.0,
        size=size,
        labour=len(counts) / mean if mean else 0.0,
    )
