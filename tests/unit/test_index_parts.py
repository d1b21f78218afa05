"""Parts of the index that stand alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsvc.index.ann import first_where
from simsvc.index.inverted import wide


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 70))
def test_the_least_step_is_found_and_none_far_after_it_is_tried(
    start: int, length: int, least: int
) -> None:
    asked: list[int] = []

    def holds(place: int) -> bool:
        asked.append(place)
        return place >= least

    end = start + length
    assert first_where(start, end, holds) == min(max(start, least), end)
    assert all(start <= place < end for place in asked)
    # Later steps are dear.
    assert max(asked, default=0) < max(start, least) + 6
    assert len(asked) <= length // 6 + 1 + 3


def test_every_half_is_widened_as_numpy_does() -> None:
    halves = np.arange(2**16, dtype=np.uint16).view(np.float16)
    halves = halves[np.isfinite(halves)]
    widened = wide(halves.reshape(-1, 2))
    assert widened.dtype == np.float32
    np.testing.assert_array_equal(widened.ravel(), halves.astype(np.float32))
    # Of zeros the sign too.
    np.testing.assert_array_equal(np.signbit(widened.ravel()), np.signbit(halves))


@pytest.mark.parametrize("shape", [(0, 8), (3, 8), (2, 3, 8)])
def test_widening_keeps_the_shape_and_does_not_touch_what_it_is_given(
    shape: tuple[int, ...],
) -> None:
    given_vectors = np.random.default_rng(1).standard_normal(shape).astype(np.float16)
    before = given_vectors.copy()
    widened = wide(given_vectors[..., ::2])
    assert widened.shape == (*shape[:-1], 4)
    np.testing.assert_array_equal(widened, before[..., ::2].astype(np.float32))
    np.testing.assert_array_equal(given_vectors, before)
