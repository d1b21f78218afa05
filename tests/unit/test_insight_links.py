"""Links between accounts, and evenly drawn samples of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsvc.core.insight.links import LinkKind, Links, noise_of, rare, sampled, shared_by
from simsvc.domain.signals.twins import sums_of, within_noise
from simsvc.ports.activity import ACTIVITY_DTYPE

LOCKSTEP, FRAME = LinkKind.LOCKSTEP, LinkKind.FRAME


def rows(*found: tuple[int, int]) -> np.ndarray:
    """Rows of (account, family), one a second."""
    values = [(i + 1, a, i * 10**6, f, 0, f or -i) for i, (a, f) in enumerate(found)]
    return np.array(values, ACTIVITY_DTYPE)


def reached(links: Links, start: int) -> set[int]:
    """All places that links lead to from one."""
    found, new = {start}, {start}
    while new:
        new = {
            b for k in links.strongest() for a, b in ((k.one, k.other), (k.other, k.one))
            if a in new
        } - found  # fmt: skip
        found |= new
    return found


def test_what_few_share_weighs_more_than_what_many_share() -> None:
    links = Links(10)
    links.add_shared({1: {0, 1}, 2: {2, 3, 4, 5, 6, 7}}, FRAME, "frame")
    by_pair = {(k.one, k.other): k for k in links.strongest()}
    assert by_pair[0, 1].weight > by_pair[2, 3].weight > 0
    assert by_pair[0, 1].kinds[FRAME][1] == "they share 1 rare frame"
    assert (0, 2) not in by_pair


def test_several_shared_things_add_up_and_are_counted() -> None:
    links = Links(3)
    links.add_shared({i: {0, 1} for i in range(3)} | {9: {1, 2}}, LOCKSTEP, "near-duplicate")
    strong, weak = links.strongest()
    assert (strong.one, strong.other, weak.one, weak.other) == (0, 1, 1, 2)
    assert strong.kinds[LOCKSTEP][1] == "they share 3 rare near-duplicates"
    assert 1 >= strong.weight > weak.weight


@pytest.mark.parametrize("count", [2, 30, 31, 150, 400])
def test_a_frame_of_all_holds_all_together_with_few_links(count: int) -> None:
    links = Links(count)
    links.add_shared({1: set(range(count))}, FRAME, "frame")
    assert reached(links, 0) == set(range(count))
    assert len(links.strongest()) <= 8 * count


def test_a_thing_of_many_is_counted_where_a_rarer_one_links() -> None:
    links = Links(100)
    links.add_shared({1: set(range(100)), 2: {0, 99}}, FRAME, "frame")
    [link] = [k for k in links.strongest() if (k.one, k.other) == (0, 99)]
    assert link.kinds[FRAME][1] == "they share 2 rare frames"


def test_a_link_has_the_kind_of_its_strongest_reason_and_all_reasons() -> None:
    links = Links(2)
    links.add_shared({1: {0, 1}}, FRAME, "frame")
    links.add_sessions([(1, 0, 1)])
    [link] = links.strongest()
    assert link.kind is LinkKind.SESSION
    assert link.weight == 1.0
    reasons = {text for _, text in link.kinds.values()}
    assert reasons == {"they share 1 rare frame", "1 conversation went from one to the other"}


def test_two_shares_of_one_source_are_twins_and_others_are_not() -> None:
    """Accounts 0 and 1 draw from one source, the others have habits of their own."""
    rng = np.random.default_rng(3)
    centres = rng.normal(size=(6, 64))
    source = [0, 0, 1, 2, 3, 4]
    owners = np.repeat(np.arange(6), 24)
    vectors = centres[np.repeat(source, 24)] + 0.5 * rng.normal(size=(len(owners), 64))
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    links = Links(6)
    links.add_twins((vectors - vectors.mean(axis=0)).astype(np.float32), owners)
    [link] = links.strongest()
    assert (link.one, link.other, link.kind) == (0, 1, LinkKind.TWINS)
    assert link.weight > 0.9
    assert "one distribution (ρ = " in link.kinds[LinkKind.TWINS][1]


def test_the_noise_of_some_accounts_is_that_of_all() -> None:
    rng = np.random.default_rng(4)
    owners = np.repeat(np.arange(2000), 5)
    vectors = (rng.normal(size=(2000, 16))[owners] + rng.normal(size=(10_000, 16))).astype(
        np.float32
    )
    whole = within_noise(vectors, owners, sums_of(vectors, owners, 2000))
    assert noise_of(vectors, owners) == pytest.approx(whole, rel=0.05)
    assert noise_of(vectors[:0], owners[:0]) == 0.0


def test_without_vectors_there_are_no_twins() -> None:
    links = Links(3)
    links.add_twins(np.zeros((0, 4), np.float32), np.zeros(0, np.int64))
    assert links.strongest() == []


def test_what_as_many_outside_use_links_nobody() -> None:
    used = {1: {0, 1, 2}, 2: {0, 1}}
    assert rare(used, {1: 3, 2: 1}) == {2: {0, 1}}
    assert rare(used, {}) == used


def test_who_uses_what_is_told_by_places_and_nothing_is_no_thing() -> None:
    found = shared_by(rows((7, 5), (8, 5), (7, 0), (7, 6)), "family", {7: 0, 8: 1})
    assert found == {5: {0, 1}, 6: {0}}


@given(st.lists(st.integers(1, 5), max_size=80), st.integers(1, 10))
def test_a_sample_keeps_some_of_everybody_in_order(accounts: list[int], most: int) -> None:
    all_rows = rows(*((a, 0) for a in accounts))
    kept = sampled(all_rows, most)
    assert set(kept["account"].tolist()) == set(accounts)
    assert (np.diff(kept["seq"]) > 0).all()
    for account in set(accounts):
        had, has = accounts.count(account), int((kept["account"] == account).sum())
        assert min(had, most) / 2 <= has <= min(had, most)


@given(
    st.dictionaries(
        st.integers(1, 20), st.sets(st.integers(0, 59), min_size=1, max_size=60), max_size=8
    )
)
def test_links_are_between_two_of_the_accounts_and_bounded(used: dict[int, set[int]]) -> None:
    links = Links(60)
    links.add_shared(used, FRAME, "frame")
    found = links.strongest()
    assert len({(k.one, k.other) for k in found}) == len(found) <= 8 * 60
    for link in found:
        assert 0 <= link.one < link.other < 60
        assert 0 < link.weight <= 1
        assert any({link.one, link.other} <= who for who in used.values())
