"""Communities of the account graph."""

from __future__ import annotations

from itertools import combinations

from simsvc.core.groups import communities


def clique(accounts: range) -> list[tuple[int, int, float]]:
    return [(a, b, 1.0) for a, b in combinations(accounts, 2)]


def test_a_clique_that_stands_alone_is_one_community_at_any_resolution() -> None:
    for resolution in (0.3, 1.0, 2.0, 3.0):
        [found] = communities(clique(range(18)), 6, resolution)
        assert found.tolist() == list(range(18))


def test_cliques_beside_each_other_are_told_apart_largest_first() -> None:
    edges = clique(range(10)) + clique(range(20, 40)) + [(0, 20, 0.1)]
    assert [c.tolist() for c in communities(edges, 6, 1.0)] == [
        list(range(20, 40)),
        list(range(10)),
    ]


def test_a_few_accounts_are_no_community() -> None:
    assert communities(clique(range(5)), 6, 2.0) == []
    assert communities([], 6, 2.0) == []
