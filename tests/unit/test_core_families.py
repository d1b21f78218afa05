"""Families: who joins which, and that nothing else decides it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from simsvc.core.families import FamilyAssigner, FamilyRule, Placement
from simsvc.index.flat import FlatIndex
from simsvc.ports.index import ROW_DTYPE, Vectors

RULE = FamilyRule(neighbour=0.85, leader=0.8, k=8)


def at_angles(*degrees: float) -> Vectors:
    radians = np.radians(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


class World:
    """An index that is filled through an assigner."""

    def __init__(self, dimension: int = 2) -> None:
        self.index = FlatIndex(dimension)
        self.assigner = FamilyAssigner(self.index, RULE)
        self.seq = 1

    def send(self, vectors: Vectors, batch: int = 1000) -> list[Placement]:
        placements: list[Placement] = []
        for start in range(0, len(vectors), batch):
            placements += self._send(vectors[start : start + batch])
        return placements

    def families(self, vectors: Vectors, batch: int = 1000) -> list[int]:
        return [p.family for p in self.send(vectors, batch)]

    def _send(self, vectors: Vectors) -> list[Placement]:
        placements = self.assigner.place(vectors, range(self.seq, self.seq + len(vectors)))
        entries = [(self.seq + i, 1, 0, 0, p.family) for i, p in enumerate(placements)]
        self.index.add(np.array(entries, dtype=ROW_DTYPE), vectors)
        self.seq += len(vectors)
        return placements


@pytest.mark.parametrize("batch", [1, 2, 1000])
def test_near_prompts_join_and_far_ones_do_not(batch: int) -> None:
    assert World().families(at_angles(0, 90, 10, 100, 180, 0), batch) == [0, 0, 1, 2, 0, 1]


@pytest.mark.parametrize("batch", [1, 3, 1000])
def test_small_steps_do_not_become_one_family(batch: int) -> None:
    steps = at_angles(*range(0, 180, 20))
    families = World().families(steps, batch)
    # 20° is near a neighbour, 40° is too far from a leader: a new family every second step.
    assert families == [0, 1, 0, 3, 0, 5, 0, 7, 0]


@pytest.mark.parametrize("batch", [1, 1000])
def test_equal_prompts_of_a_batch_are_one_family(batch: int) -> None:
    placed = World().send(at_angles(30, 30, 30, 30), batch)
    assert [p.family for p in placed] == [0, 1, 1, 1]
    assert [p.nearest for p in placed] == pytest.approx([0, 1, 1, 1])


def test_the_nearest_may_be_in_the_index_or_in_the_batch() -> None:
    world = World()
    world.send(at_angles(0))
    placed = world.send(at_angles(60, 20, 61))
    assert [p.nearest for p in placed] == pytest.approx(
        np.cos(np.radians([60, 20, 1])).tolist(), abs=1e-6
    )
    assert [p.family for p in placed] == [0, 1, 2]


def test_the_nearest_similarity_does_not_hang_on_the_batch() -> None:
    vectors = at_angles(0, 60)
    alone, together = World().send(vectors, 1), World().send(vectors)
    assert [p.nearest for p in together] == pytest.approx([p.nearest for p in alone])


@pytest.mark.parametrize("batch", [1, 50, 1000])
def test_a_flood_keeps_nobody_out(batch: int) -> None:
    flood = at_angles(*[0] * 200)
    world = World()
    world.send(flood, batch)
    assert world.families(at_angles(15, 25, 90)) == [1, 1, 0]


def test_a_flood_of_strangers_hides_no_family() -> None:
    world = World()
    # Leader at 0°, a flood at 30° which is in its family; another leader at 70°.
    assert world.families(at_angles(0, 70, *[30] * 20)) == [0, 0, *[1] * 20]
    # 45° is 15° from the flood, whose leader is out of reach, and 25° from the other leader.
    assert world.families(at_angles(45), 1) == [2]


def test_a_family_outlives_its_leader() -> None:
    world = World()
    world.send(at_angles(0))
    members = at_angles(*[1] * 10)
    entries = [
        (2 + i, 1, 0, 100, p.family)
        for i, p in enumerate(world.assigner.place(members, range(2, 2 + len(members))))
    ]
    world.index.add(np.array(entries, dtype=ROW_DTYPE), members)
    world.seq = 12
    world.index.drop_before(50)  # the leader was observed at 0
    families = [world.families(at_angles(1))[0] for _ in range(20)]
    assert any(families)


def test_placements_are_the_same_each_time() -> None:
    rng = np.random.default_rng(5)
    vectors = _clusters(rng, 40, 6)
    first = World(16).send(vectors, 32)
    assert World(16).send(vectors, 32) == first
    assert {p.family for p in first} != {0}


@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_families_do_not_hang_on_the_batches(batch: int) -> None:
    vectors = _clusters(np.random.default_rng(6), 30, 6)
    assert World(16).families(vectors, batch) == World(16).families(vectors, 64)


def test_a_family_is_named_by_its_first_prompt() -> None:
    vectors = _clusters(np.random.default_rng(7), 30, 6)
    families = World(16).families(vectors, 16)
    _check_names(families, vectors)


def _check_names(families: Sequence[int], vectors: Vectors) -> None:
    for i, family in enumerate(families):
        if family:
            assert family - 1 < i
            assert families[family - 1] == 0
            assert float(vectors[family - 1] @ vectors[i]) >= RULE.leader - 1e-6


def _clusters(rng: np.random.Generator, clusters: int, each: int) -> Vectors:
    """Return unit vectors near random centres, mixed."""
    centres = rng.standard_normal((clusters, 16))
    points = np.repeat(centres, each, axis=0) + 0.3 * rng.standard_normal((clusters * each, 16))
    rng.shuffle(points)
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)
