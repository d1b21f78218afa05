"""Windows over long prompts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsvc.domain.windows import plan_windows, pool_windows


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
