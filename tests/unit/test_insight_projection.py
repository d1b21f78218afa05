"""The map: its axes, and when they are found anew."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from simsvc.core.insight import projection
from simsvc.core.insight.projection import Projector, main_axes
from simsvc.core.stage import Stage
from simsvc.index.flat import FlatIndex
from simsvc.ports.index import ROW_DTYPE, IndexStats, Vectors

DIMENSION = 12


class Threads(ThreadPoolExecutor):
    """One thread that waits until it is let go."""

    def __init__(self) -> None:
        super().__init__(1)
        self.held = threading.Event()
        self.submit(self.held.wait)

    def finish(self) -> None:
        self.held.set()
        self.shutdown(wait=True)


class ClosedIndex(FlatIndex):
    """Another one whose files are gone."""

    def __init__(self, whole: FlatIndex) -> None:
        super().__init__(DIMENSION)
        self._whole = whole

    def stats(self) -> IndexStats:
        return self._whole.stats()

    def vectors(self, seqs: Sequence[int]) -> Vectors:
        raise OSError("closed")


class World:
    """An index that grows, as the stage of a generation that a projector looks at."""

    def __init__(self) -> None:
        self.index = FlatIndex(DIMENSION)
        self.rng = np.random.default_rng(5)
        self.seq = 0

    def grow(self, count: int) -> None:
        spread = np.array([4.0, 2.0, *[0.2] * (DIMENSION - 2)])
        vectors = self.rng.normal(size=(count, DIMENSION)) * spread
        rows = np.zeros(count, ROW_DTYPE)
        rows["seq"] = np.arange(self.seq + 1, self.seq + count + 1)
        rows["observed_at"] = rows["seq"]
        self.index.add(rows, vectors.astype(np.float32))
        self.seq += count

    def stage(self, generation: str = "gen") -> Stage:
        nothing: Stage = object.__new__(Stage)
        for field in Stage.__dataclass_fields__:
            object.__setattr__(nothing, field, None)
        return replace(nothing, generation=generation, index=self.index)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def threads() -> Iterator[Threads]:
    made = Threads()
    yield made
    made.finish()


def test_the_axes_are_the_directions_of_most_spread(world: World) -> None:
    world.grow(500)
    vectors = world.index.vectors(range(1, 501))
    mean, axes, explained = main_axes(vectors)
    assert abs(axes[0, 0]) > 0.99
    assert abs(axes[1, 1]) > 0.99
    assert axes.T @ axes == pytest.approx(np.eye(2), abs=1e-5)
    assert explained == pytest.approx(20 / 20.4, abs=0.01)
    assert mean == pytest.approx(vectors.mean(axis=0), abs=1e-5)


@given(arrays(np.float32, st.tuples(st.integers(0, 30), st.just(4)),
              elements=st.floats(-1, 1, width=32)))  # fmt: skip
def test_any_vectors_have_axes_with_signs_that_hold(vectors: np.ndarray) -> None:
    mean, axes, explained = main_axes(vectors)
    assert np.isfinite(mean).all()
    assert axes.T @ axes == pytest.approx(np.eye(2), abs=1e-4)
    assert 0 <= explained <= 1 + 1e-6
    largest = (np.abs(axes) > 0.999 * np.abs(axes).max(axis=0)).argmax(axis=0)
    assert (axes[largest, [0, 1]] > 0).all()


def test_points_are_where_their_vectors_lie(world: World, threads: Threads) -> None:
    world.grow(100)
    found = Projector(threads).of(world.stage())
    assert (found.total, found.last) == (100, 100)
    assert found.seqs.tolist() == list(range(1, 101))
    assert found.of(world.index.vectors(found.seqs.tolist())) == pytest.approx(found.points)
    assert found.points.mean(axis=0) == pytest.approx([0, 0], abs=1e-4)


def test_of_much_traffic_an_even_sample_is_drawn(
    world: World, threads: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projection, "MOST", 50)
    world.grow(1000)
    found = Projector(threads).of(world.stage())
    assert found.total == 1000
    assert len(found.seqs) == 50
    assert set(np.diff(found.seqs).tolist()) <= {20, 21}


def test_what_retention_has_dropped_is_not_drawn(world: World, threads: Threads) -> None:
    world.grow(100)
    world.index.drop_before(41)
    assert Projector(threads).of(world.stage()).seqs.tolist() == list(range(41, 101))


def test_without_traffic_there_is_an_empty_map(world: World, threads: Threads) -> None:
    found = Projector(threads).of(world.stage())
    assert (len(found.points), found.total, found.explained) == (0, 0, 0.0)


def test_it_is_found_anew_beside_the_look_ups_once_enough_is_new(
    world: World, threads: Threads
) -> None:
    world.grow(100)
    projector = Projector(threads)
    first = projector.of(world.stage())
    world.grow(5)
    assert projector.of(world.stage()) is first
    assert threads._work_queue.qsize() == 0
    world.grow(1)
    assert projector.of(world.stage()) is first
    assert projector.of(world.stage()) is first
    assert threads._work_queue.qsize() == 1
    threads.finish()
    renewed = projector.of(world.stage())
    assert (renewed.last, len(renewed.points)) == (106, 106)


def test_another_generation_has_a_map_of_its_own_at_once(world: World, threads: Threads) -> None:
    world.grow(100)
    projector = Projector(threads)
    projector.of(world.stage())
    world.grow(50)
    projector.of(world.stage())
    later = projector.of(world.stage("next"))
    assert (later.generation, later.total) == ("next", 150)
    threads.finish()
    assert projector.of(world.stage("next")) is later


def test_a_map_of_less_than_half_the_traffic_does_not_answer(
    world: World, threads: Threads
) -> None:
    projector = Projector(threads)
    assert projector.of(world.stage()).total == 0
    world.grow(10)
    assert projector.of(world.stage()).total == 10
    world.grow(11)
    assert projector.of(world.stage()).total == 21


def test_one_that_failed_beside_the_look_ups_is_told_once(world: World, threads: Threads) -> None:
    world.grow(100)
    projector = Projector(threads)
    projector.of(world.stage())
    world.grow(50)
    whole, world.index = world.index, ClosedIndex(world.index)
    projector.of(world.stage())
    threads.finish()
    with pytest.raises(OSError, match="closed"):
        projector.of(world.stage())
    world.index = whole
    assert projector.of(world.stage("next")).total == 150
