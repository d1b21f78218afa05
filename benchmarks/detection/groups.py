"""Baselines that return groups of actors, each a set of places in `Traffic.actors`.

None of them is new: they are what one would try first, with the parameters that their sources or
common practice give, the same everywhere. A group has eight actors or more, as the detector's.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from itertools import combinations

import faiss
import networkx as nx
import numpy as np
import numpy.typing as npt
from scipy import stats

from benchmarks.detection.runner import Traffic
from simsvc.domain.shingles import shingles_of
from simsvc.domain.signals.twins import TwinRule, sums_of, twin_edges, within_noise

Groups = list[set[int]]
LEAST = 8
_Z = 3.0
_SHARED = 2
_JACCARD = 0.8
_PERMUTATIONS = 32
_ROWS = 2
_COSINE = 0.85
_NEIGHBOURS = 20
_SEARCHED = 2048
# Any odd 64-bit numbers do; a fixed seed gives the same ones each time.
_FACTORS = np.random.default_rng(0).integers(1, 2**63, _PERMUTATIONS, np.uint64) * 2 + 1


def volume(traffic: Traffic) -> Groups:
    """Return one group: the actors whose log volume lies three deviations above the mean.

    The rate anomaly that any API has; logarithms, because volumes are heavy-tailed.
    """
    counts = np.bincount(traffic.owners, minlength=len(traffic.actors))
    group = set(np.flatnonzero(stats.zscore(np.log(counts)) > _Z).tolist())
    return [group] if group else []


def exact_hash(traffic: Traffic) -> Groups:
    """Return components of actors of which each pair has sent two identical texts or more."""
    pairs: Counter[tuple[int, int]] = Counter()
    for users in _users(traffic).values():
        pairs.update(combinations(sorted(users), 2))
    return _components(pair for pair, shared in pairs.items() if shared >= _SHARED)


def minhash(traffic: Traffic) -> Groups:
    """Return components of actors who sent texts with a Jaccard index of 0.8 or more.

    Broder 1997 (SEQUENCES, 21–29), with bands (Leskovec, Rajaraman, Ullman, MMDS, 3.4): 16 of two
    rows, which miss a pair at 0.8 once in 10⁷. Texts of fewer than six words have no shingles.
    """
    users = _users(traffic)
    sets = {t: frozenset(shingles_of(t, b"baseline").hashes.tolist()) for t in users}
    texts = [text for text, hashes in sets.items() if hashes]
    buckets: dict[tuple[int, bytes], list[str]] = defaultdict(list)
    for text in texts:
        values = np.fromiter(sets[text], np.uint64)
        least = ((values[:, None] * _FACTORS) >> np.uint64(16)).min(axis=0)
        for start in range(0, _PERMUTATIONS, _ROWS):
            buckets[start, least[start : start + _ROWS].tobytes()].append(text)
    pairs = {pair for bucket in buckets.values() for pair in combinations(sorted(bucket), 2)}
    near = [p for p in pairs if _jaccard(sets[p[0]], sets[p[1]]) >= _JACCARD]
    edges = [(min(users[a]), min(users[b])) for a, b in near]
    return _components(edges + [(min(users[t]), u) for t in texts for u in users[t]])


def neighbours(traffic: Traffic) -> Groups:
    """Return components of actors with prompts at a cosine of 0.85 or more.

    Of each prompt the 20 nearest others are looked at (exact search); what identical texts take up
    of these is not made up for.
    """
    search = faiss.IndexFlatIP(traffic.vectors.shape[1])
    search.add(traffic.vectors)
    edges: set[tuple[int, int]] = set()
    for start in range(0, len(traffic.vectors), _SEARCHED):
        scores, found = search.search(traffic.vectors[start : start + _SEARCHED], _NEIGHBOURS + 1)
        rows, columns = np.nonzero(scores >= _COSINE)
        mine = traffic.owners[start + rows]
        theirs = traffic.owners[found[rows, columns]]
        edges |= set(zip(mine.tolist(), theirs.tolist(), strict=True))
    return _components(edges)


def twins(traffic: Traffic) -> Groups:
    """Return communities of actors whose prompts come from one distribution (S3 alone).

    The prototype of detection.md: whole accounts, vectors less the mean of all, Louvain (Blondel et
    al. 2008) over the edges of `twin_edges`, no test of any kind.
    """
    vectors: npt.NDArray[np.float32] = traffic.vectors - traffic.vectors.mean(axis=0)
    sums = sums_of(vectors, traffic.owners, len(traffic.actors))
    noise = within_noise(vectors, traffic.owners, sums)
    graph: nx.Graph[int] = nx.Graph()
    graph.add_weighted_edges_from(twin_edges(sums, noise, TwinRule()))
    found = nx.community.louvain_communities(graph, seed=1)
    return [set(group) for group in found if len(group) >= LEAST]


BASELINES: Mapping[str, Callable[[Traffic], Groups]] = {
    "Volume": volume,
    "Exact hash": exact_hash,
    "MinHash + components": minhash,
    "Embedding kNN + components": neighbours,
    "Twins + communities": twins,
}


def _users(traffic: Traffic) -> dict[str, set[int]]:
    users: dict[str, set[int]] = {}
    for text, owner in zip(traffic.texts, traffic.owners.tolist(), strict=True):
        users.setdefault(text, set()).add(owner)
    return users


def _jaccard(one: frozenset[int], other: frozenset[int]) -> float:
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)


def _components(edges: Iterable[tuple[int, int]]) -> Groups:
    graph: nx.Graph[int] = nx.Graph()
    graph.add_edges_from((a, b) for a, b in edges if a != b)
    return [set(group) for group in nx.connected_components(graph) if len(group) >= LEAST]
