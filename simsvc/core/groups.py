"""Candidate groups of accounts: where the signals point, before anything is tested."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simsvc.domain.signals.attribution import SOURCE, Attributor
from simsvc.domain.signals.lockstep import lockstep_edges
from simsvc.domain.signals.population import Flags, Ints, Population
from simsvc.domain.signals.twins import TwinRule, twin_edges

_SEED = 6
_COVERED = 0.6
TWINS = "twins"
SESSION = "session"
LOCKSTEP = "lockstep"
FRAME = "frame"
REFERENCE = "reference"
_EXACT = {SESSION}
_NAMING = {FRAME, REFERENCE}
_KNOWN_ODDS = 3.0
_ABSENT = 5.0
# Share of all accounts that an exact signal must name to name all that belong.
_WHOLE = 0.75
_RESOLUTION = 2.0
# Moves are rare: whoever they link belongs together.
_LOOSE = 0.3


@dataclass(frozen=True, slots=True)
class Group:
    """Accounts (places in the population) with their log odds, and the prompts of the source (n,).

    `routes` say which signals led to it.
    """

    odds: Mapping[int, float]
    source: Flags
    routes: frozenset[str]

    @property
    def exact(self) -> bool:
        """Return whether a signal that names accounts led to it, rather than a likeness."""
        return bool(self.routes & _EXACT)

    @property
    def members(self) -> Ints:
        """Return the places of its accounts, ascending."""
        return np.array(sorted(self.odds), np.int64)


@dataclass(frozen=True, slots=True)
class GroupRule:
    """`least_log_odds` an account must have to belong, and the least accounts of a group."""

    least_log_odds: float
    least_accounts: int
    twins: TwinRule


def find_groups(
    population: Population,
    vectors: npt.NDArray[np.float32],
    moves: Iterable[tuple[int, int, float]],
    rule: GroupRule,
) -> list[Group]:
    """Return groups, which may overlap; `moves` are edges between places in the population.

    `vectors` (n, d) are the population's, centred.
    """
    groups = _moving(population, moves, rule)
    groups += _in_lockstep(population, rule)
    groups += _framed(population, rule)
    alone = np.flatnonzero(population.isolated)
    groups += _twins(population, vectors, alone, 2, rule)
    groups += _twins(population, vectors, np.arange(len(vectors)), 4, rule)
    return [g for g in groups if len(g.odds) >= rule.least_accounts]


def _twins(
    population: Population,
    vectors: npt.NDArray[np.float32],
    part: Ints,
    least: int,
    rule: GroupRule,
) -> list[Group]:
    """Find twins in a part of the prompts, and attribute accounts to each community of them."""
    owners = population.owners[part]
    counts = np.bincount(owners, minlength=len(population.actors))
    eligible = counts[owners] >= least
    part, owners = part[eligible], owners[eligible]
    places, local = np.unique(owners, return_inverse=True)
    if len(places) < rule.least_accounts:
        return []
    attributor = Attributor(vectors[part], local, len(places))
    edges = twin_edges(attributor.sums, attributor.noise, rule.twins)
    groups: list[Group] = []
    for seed in communities(edges, _SEED, _RESOLUTION):
        if any(np.isin(places[seed], g.members).mean() > _COVERED for g in groups):
            continue
        found = attributor.attribute(seed, rule.least_log_odds)
        if found is None:
            continue
        source = np.zeros(len(population.owners), np.bool_)
        chosen = found.members[attributor.owners] & (found.evidence > SOURCE)
        source[part[attributor.order]] = chosen
        odds = {int(places[i]): float(found.log_odds[i]) for i in np.flatnonzero(found.members)}
        groups.append(Group(odds, source, frozenset({TWINS})))
    return groups


def _moving(
    population: Population, moves: Iterable[tuple[int, int, float]], rule: GroupRule
) -> list[Group]:
    groups = []
    for members in communities(list(moves), rule.least_accounts, _LOOSE):
        mine = np.isin(population.owners, members)
        odds = dict.fromkeys(members.tolist(), _KNOWN_ODDS)
        groups.append(Group(odds, mine & population.moved, frozenset({SESSION})))
    return groups


def _in_lockstep(population: Population, rule: GroupRule) -> list[Group]:
    used: dict[int, set[int]] = {}
    for item, owner in zip(population.items.tolist(), population.owners.tolist(), strict=True):
        used.setdefault(item, set()).add(owner)
    used = {item: owners for item, owners in used.items() if len(owners) > 1}
    groups = []
    for members in communities(lockstep_edges(used, 2), rule.least_accounts):
        inside = set(members.tolist())
        shared = [f for f, owners in used.items() if len(owners & inside) >= 2]
        mine = np.isin(population.owners, members) & np.isin(population.items, shared)
        odds = dict.fromkeys(members.tolist(), _KNOWN_ODDS)
        groups.append(Group(odds, mine, frozenset({LOCKSTEP})))
    return groups


def _framed(population: Population, rule: GroupRule) -> list[Group]:
    groups = []
    frames = population.frames
    for frame in np.unique(frames[frames != 0]).tolist():
        source = frames == frame
        members = np.unique(population.owners[source])
        if len(members) >= rule.least_accounts:
            odds = dict.fromkeys(members.tolist(), _KNOWN_ODDS)
            groups.append(Group(odds, source, frozenset({FRAME})))
    return groups


def referenced(population: Population, sets: Ints, rule: GroupRule) -> list[Group]:
    """Return the accounts that ask for items of a data set, for each set; `sets` (n,), −1: none."""
    groups = []
    for place in np.unique(sets[sets >= 0]).tolist():
        source = sets == place
        counts = np.bincount(population.owners[source], minlength=len(population.actors))
        members = np.flatnonzero(counts >= 2)
        if len(members) >= rule.least_accounts:
            odds = dict.fromkeys(members.tolist(), _KNOWN_ODDS)
            mine = source & np.isin(population.owners, members)
            groups.append(Group(odds, mine, frozenset({REFERENCE})))
    return groups


def communities(
    edges: list[tuple[int, int, float]], least: int, resolution: float = 1.0
) -> list[Ints]:
    """Return communities of accounts, largest first (Louvain; Blondel et al. 2008)."""
    # A start need not wait for it: see `simsvc.later`.
    import networkx as nx  # noqa: PLC0415

    graph: nx.Graph[int] = nx.Graph()
    graph.add_weighted_edges_from(edges)
    found = nx.community.louvain_communities(graph, seed=1, resolution=resolution)
    large = [c for c in found if len(c) >= least]
    # At a high resolution even a clique that stands alone falls to pieces.
    inside = {account for c in large for account in c}
    large += [c for c in nx.connected_components(graph) if len(c) >= least and inside.isdisjoint(c)]
    ordered = sorted((sorted(c) for c in large), key=lambda c: (-len(c), c))
    return [np.array(c, np.int64) for c in ordered]


def joined(first: Group, second: Group) -> Group:
    """Join two groups that are one; where an exact signal tells who belongs, absence counts."""
    exact = [g for g in (first, second) if g.exact]
    everyone = first.odds.keys() | second.odds.keys()
    for group in exact:
        if len(group.odds) >= _WHOLE * len(everyone):
            return Group(group.odds, first.source | second.source, first.routes | second.routes)
    odds = {}
    for account in sorted(everyone):
        parts = [g.odds[account] for g in (first, second) if account in g.odds]
        absent = [g for g in exact if account not in g.odds]
        log_odds = max(parts) + (1.0 if len(parts) == 2 else 0.0) - _ABSENT * len(absent)
        named = exact or second.routes & _NAMING or account in first.odds
        if log_odds > 0 and named:
            odds[account] = log_odds
    return Group(odds, first.source | second.source, first.routes | second.routes)


def without(group: Group, accounts: Iterable[int]) -> Group:
    """Return a group less some of its accounts."""
    gone = set(accounts)
    kept = {account: odds for account, odds in group.odds.items() if account not in gone}
    return Group(kept, group.source, group.routes)
