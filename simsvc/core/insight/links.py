"""Links between accounts: who has what in common, with the numbers."""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import numpy.typing as npt

from simsvc.domain.signals.twins import TwinRule, sums_of, twin_edges, within_noise

Rows = npt.NDArray[np.void]
# Of something that more accounts use, each is linked to a few others only.
_PAIRED = 30
_PER_ACCOUNT = 8
# About so many prompts are enough to tell how those of one account differ.
_NOISE = 3000


class LinkKind(enum.IntEnum):
    """What links two accounts; the numbers are those of the wire."""

    TWINS = 1
    LOCKSTEP = 2
    SESSION = 3
    FRAME = 4


@dataclass(slots=True)
class Link:
    """Two places in a list of accounts (one < other) and what links them, strongest kind first."""

    one: int
    other: int
    kinds: dict[LinkKind, tuple[float, str]] = field(default_factory=dict)

    @property
    def weight(self) -> float:
        """Return how strong it is, in (0, 1]."""
        return min(1.0, max(weight for weight, _ in self.kinds.values()))

    @property
    def kind(self) -> LinkKind:
        """Return the strongest kind."""
        return max(self.kinds, key=lambda kind: self.kinds[kind][0])


class Links:
    """Collects links between `count` accounts."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._found: dict[tuple[int, int], Link] = {}

    def add_twins(self, vectors: npt.NDArray[np.float32], owners: npt.NDArray[np.int64]) -> None:
        """Link accounts whose prompts (n, d), centred on all traffic, are of one distribution."""
        if not len(vectors):
            return
        sums = sums_of(vectors, owners, self._count)
        noise = noise_of(vectors, owners)
        for one, other, rho in twin_edges(sums, noise, TwinRule(neighbours=_PER_ACCOUNT)):
            text = f"their prompts are drawn from one distribution (ρ = {rho:.2f})"
            self._add(one, other, LinkKind.TWINS, rho, text)

    def add_shared(self, used: Mapping[int, set[int]], kind: LinkKind, what: str) -> None:
        """Link accounts that share things: `used` maps each thing to the accounts that use it.

        Each thing weighs 1/ln(1 + accounts): what many use says little (Hooi et al. 2016, FRAUDAR).
        """
        by_account: defaultdict[int, set[int]] = defaultdict(set)
        pairs: set[tuple[int, int]] = set()
        for thing, accounts in used.items():
            pairs.update(_pairs(sorted(accounts)))
            for account in accounts:
                by_account[account].add(thing)
        for one, other in sorted(pairs):
            shared = by_account[one] & by_account[other]
            weight = sum(1 / np.log1p(len(used[thing])) for thing in shared)
            plural = what if len(shared) == 1 else f"{what}s"
            text = f"they share {len(shared)} rare {plural}"
            self._add(one, other, kind, float(1 - np.exp(-weight)), text)

    def add_sessions(self, moves: Iterable[tuple[int, int, int]]) -> None:
        """Link accounts that conversations moved between: (place, place, how many)."""
        for one, other, count in moves:
            noun = "conversation" if count == 1 else "conversations"
            text = f"{count} {noun} went from one to the other"
            pair = (min(one, other), max(one, other))
            self._add(*pair, LinkKind.SESSION, 1.0, text)

    def strongest(self) -> list[Link]:
        """Return the links that are among the strongest few of one of their accounts."""
        by_account: defaultdict[int, list[Link]] = defaultdict(list)
        for link in self._found.values():
            by_account[link.one].append(link)
            by_account[link.other].append(link)
        kept = {}
        for links in by_account.values():
            links.sort(key=lambda link: (-len(link.kinds), -link.weight, link.one, link.other))
            kept.update({(link.one, link.other): link for link in links[:_PER_ACCOUNT]})
        return [kept[pair] for pair in sorted(kept)]

    def _add(self, one: int, other: int, kind: LinkKind, weight: float, text: str) -> None:
        link = self._found.setdefault((one, other), Link(one, other))
        link.kinds[kind] = (weight, text)


def noise_of(vectors: npt.NDArray[np.float32], owners: npt.NDArray[np.int64]) -> float:
    """Return τ of `within_noise` by some of the owners: of all, it would take longest by far."""
    places = np.unique(owners)
    step = -(-len(owners) // _NOISE) or 1
    some = np.isin(owners, places[::step])
    _, local = np.unique(owners[some], return_inverse=True)
    sums = sums_of(vectors[some], local, int(local.max(initial=-1)) + 1)
    return within_noise(vectors[some], local, sums)


def _pairs(accounts: Sequence[int]) -> Iterable[tuple[int, int]]:
    """Return all pairs, or of many accounts those next to each other: they hang together too."""
    if len(accounts) <= _PAIRED:
        return combinations(accounts, 2)
    return [pair for step in range(1, _PER_ACCOUNT // 2 + 1)
            for pair in zip(accounts, accounts[step:], strict=False)]  # fmt: skip


def rare(used: Mapping[int, set[int]], outside: Mapping[int, int]) -> dict[int, set[int]]:
    """Return the things that fewer accounts outside use, as counted there, than inside."""
    return {thing: who for thing, who in used.items() if outside.get(thing, 0) < len(who)}


def shared_by(rows: Rows, column: str, places: Mapping[int, int]) -> dict[int, set[int]]:
    """Return which accounts (as places) use each value of a column; 0 is none."""
    used: defaultdict[int, set[int]] = defaultdict(set)
    for account, value in zip(rows["account"].tolist(), rows[column].tolist(), strict=True):
        if value:
            used[value].add(places[account])
    return dict(used)


def sampled(rows: Rows, most: int) -> Rows:
    """Return at most so many rows of each account, evenly over its own."""
    kept: list[int] = []
    for account in np.unique(rows["account"]).tolist():
        mine = np.flatnonzero(rows["account"] == account)
        kept += mine[:: -(-len(mine) // most)].tolist()
    return rows[np.sort(np.array(kept, np.int64))]
