"""Windows over long prompts."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simsvc.domain.windows import normalised, plan_windows, pool_windows

FIXED = settings(derandomize=True, deadline=None)


@FIXED
@given(st.integers(0, 20_000), st.integers(1, 600), st.integers(1, 64))
def test_plan(tokens: int, window: int, most: int) -> None:
    plan = plan_windows(tokens, window, most)
    sizes = [end - start for start, end in plan.spans]
    assert 1 <= len(sizes) <= most
    assert max(sizes) <= window
    assert plan.spans[0][0] == 0
    if plan.capped:
        assert len(sizes) == most
        assert set(sizes) == {window}
        assert tokens > window * most
        assert most == 1 or plan.spans[-1][1] == tokens
    else:
        covered = [i for start, end in plan.spans for i in range(start, end)]
        assert covered == list(range(tokens))
        assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize(("window", "most"), [(0, 1), (1, 0)])
def test_a_plan_needs_room(window: int, most: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        plan_windows(10, window, most)


def test_pooling_weighs_by_tokens() -> None:
    vectors = np.eye(2, 4, dtype=np.float32)
    pooled = pool_windows(vectors, [3, 1])
    np.testing.assert_allclose(pooled, np.array([3, 1, 0, 0]) / np.sqrt(10), rtol=1e-6)


@FIXED
@given(st.integers(1, 5000), st.integers(1, 64), st.integers(2, 16))
def test_a_capped_plan_never_embeds_a_token_twice(tokens: int, window: int, most: int) -> None:
    spans = plan_windows(tokens, window, most).spans
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


@FIXED
@given(st.lists(st.integers(0, 500), min_size=1, max_size=16), st.integers(0, 2**32 - 1))
def test_a_pooled_vector_has_unit_length(lengths: list[int], seed: int) -> None:
    rows = np.random.default_rng(seed).standard_normal((len(lengths), 384)).astype(np.float32)
    pooled = pool_windows(normalised(rows), lengths)
    assert pooled.dtype == np.float32
    assert np.linalg.norm(pooled) == pytest.approx(1.0, abs=1e-5)


def test_one_window_pools_to_itself_and_zeros_stay() -> None:
    row = normalised(np.array([[3.0, 4.0]], np.float32))
    np.testing.assert_allclose(pool_windows(row, [7]), [0.6, 0.8], rtol=1e-6)
    zeros = np.zeros((2, 3), np.float32)
    np.testing.assert_array_equal(normalised(zeros), zeros)
    np.testing.assert_array_equal(pool_windows(zeros, [0, 0]), zeros[0])
