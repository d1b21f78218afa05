"""How many things an account asks about."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsvc.domain.breadth import breadth_of


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_no_prompts_have_no_breadth() -> None:
    assert breadth_of(np.zeros((0, 8), np.float32)) == 0.0


@pytest.mark.parametrize("topics", [1, 2, 5, 16])
@pytest.mark.parametrize("each", [1, 7])
def test_so_many_orthogonal_topics_asked_alike_count_as_so_many(topics: int, each: int) -> None:
    vectors = np.repeat(np.eye(16, dtype=np.float32)[:topics], each, axis=0)
    assert breadth_of(vectors) == pytest.approx(topics, rel=1e-4)


def test_a_topic_asked_seldom_counts_for_less() -> None:
    vectors = np.eye(4, dtype=np.float32)[[0] * 9 + [1]]
    entropy = -(0.9 * np.log(0.9) + 0.1 * np.log(0.1))
    assert breadth_of(vectors) == pytest.approx(np.exp(entropy), rel=1e-4)


@given(st.integers(1, 40), st.integers(2, 24), st.integers(0, 2**32 - 1))
def test_it_lies_between_one_and_the_number_of_prompts_in_any_order(
    count: int, dimension: int, seed: int
) -> None:
    """With fewer prompts than dimensions and with more: both ways to compute it."""
    rng = np.random.default_rng(seed)
    vectors = unit(rng.normal(size=(count, dimension)) + rng.normal(size=dimension))
    found = breadth_of(vectors)
    assert 1 - 1e-4 <= found <= min(count, dimension) + 1e-4
    assert breadth_of(rng.permutation(vectors)) == pytest.approx(found, rel=1e-3)
    assert breadth_of(np.repeat(vectors, 3, axis=0)) == pytest.approx(found, rel=1e-3)
