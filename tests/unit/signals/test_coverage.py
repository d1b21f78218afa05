from __future__ import annotations

import random

import pytest

from simsvc.domain.signals.coverage import coverage_of, labours


def test_by_hand() -> None:
    # a b c d once, e twice, f four times: n = 10, f₁ = 4, f₂ = 1, S = 6.
    # Unseen 4/10. Chao1 6 + 4·3/(2·2) = 9.
    # Account 1 asked a b e f, 2 asked c d e f: four distinct each; labour 6/4.
    asked = [(1, "a"), (1, "b"), (1, "e"), (1, "f"), (1, "f")]
    asked += [(2, "c"), (2, "d"), (2, "e"), (2, "f"), (2, "f")]
    coverage = coverage_of(asked)
    assert (coverage.prompts, coverage.distinct) == (10, 6)
    assert coverage.unseen == pytest.approx(0.4)
    assert coverage.size == 9
    assert coverage.labour == pytest.approx(1.5)


def test_without_pairs_the_divisor_of_chao_is_two() -> None:
    # a b c once, d three times: 4 + 3·2/(2·1) = 7.
    coverage = coverage_of([(1, x) for x in "abcddd"])
    assert coverage.size == 7
    assert coverage.unseen == pytest.approx(0.5)


def test_where_nothing_came_twice_the_size_is_unknown() -> None:
    coverage = coverage_of([(1, "a"), (2, "b"), (3, "c")])
    assert coverage.size is None
    assert coverage.unseen == 1.0
    # Three accounts with one item each of three.
    assert coverage.labour == pytest.approx(3.0)


def test_where_all_came_twice_the_set_is_seen() -> None:
    coverage = coverage_of([(1, "a"), (2, "a"), (1, "b"), (2, "b")])
    assert (coverage.size, coverage.unseen) == (2, 0.0)
    # A class: everybody asks the same, and one account's worth is all.
    assert coverage.labour == pytest.approx(1.0)


def test_nothing_asked_is_nothing_seen() -> None:
    coverage = coverage_of([])
    assert (coverage.prompts, coverage.distinct, coverage.size) == (0, 0, None)
    assert (coverage.unseen, coverage.labour) == (1.0, 0.0)


def test_the_size_of_a_set_that_is_asked_at_random_is_found() -> None:
    # 600 draws of 500 items: e^−1.2 = 30% not seen; Chao1 is within a tenth or so.
    rng = random.Random(1)
    coverage = coverage_of((n % 20, rng.randrange(500)) for n in range(600))
    assert coverage.size == pytest.approx(500, rel=0.15)
    assert coverage.unseen == pytest.approx(0.3, abs=0.06)


def test_labour_of_a_class_and_of_a_pool_by_hand() -> None:
    # Four pupils each ask all of items 1, 2, 3. One: 3 prompts by 9 of the others, 27 pairs, 9 the
    # same, less 3 accounts that it took to share at all: 27/6 = 4.5 items over 3 asked = 1.5.
    pupils = [(account, item) for account in range(4) for item in (1, 2, 3)]
    found = labours(pupils, dict.fromkeys(range(4), 3.0), 3)
    assert found == pytest.approx(dict.fromkeys(range(4), 1.5))
    # Accounts of a pool that share one item at the most say nothing of the set's size.
    pool = [(0, 1), (0, 2), (1, 2), (1, 3), (2, 3), (2, 4)]
    assert labours(pool, dict.fromkeys(range(3), 2.0), 1) == {}


def test_labour_does_not_hang_on_how_much_was_kept() -> None:
    # Twelve runners of 150 items each, of which a random 24 are kept, asked 135 of them in all.
    rng = random.Random(2)
    kept = [(account, item) for account in range(12) for item in rng.sample(range(150), 24)]
    found = labours(kept, dict.fromkeys(range(12), 135.0), 3)
    assert len(found) == 12
    assert all(0.5 < labour < 4 for labour in found.values())
