"""What was noted is never taken for new; of the rest, hardly anything is taken for known."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from simsvc.core.novelty import Novelty

KEYS = st.lists(st.one_of(st.text(), st.binary()), max_size=30)


def test_all_is_new_at_first() -> None:
    novelty = Novelty()
    assert novelty.is_new("a")
    assert novelty.is_new(b"a")


@given(st.lists(KEYS, max_size=20))
def test_what_was_noted_is_never_new(pages: list[list[str | bytes]]) -> None:
    novelty = Novelty(first=8)
    for page in pages:
        novelty.note(page, 0)
    assert not any(novelty.is_new(key) for page in pages for key in page)


def test_few_mistakes_over_many_filters() -> None:
    novelty = Novelty(first=64)
    for start in range(0, 20_000, 50):
        novelty.note([f"known {i}" for i in range(start, start + 50)], 0)
    mistaken = sum(not novelty.is_new(f"unknown {i}") for i in range(20_000))
    # Nine filters, one in a thousand each.
    assert 0 < mistaken < 400
    assert novelty.bytes < 4 * 20_000


def test_what_is_there_already_takes_no_room() -> None:
    novelty = Novelty(first=1000)
    before = novelty.bytes
    for _ in range(100):
        novelty.note([f"again {i}" for i in range(100)], 0)
    assert novelty.bytes == before


def new_of(novelty: Novelty, name: str) -> int:
    return sum(novelty.is_new(f"{name} {i}") for i in range(50))


def test_only_what_is_old_as_a_whole_is_forgotten() -> None:
    novelty = Novelty(first=100)
    for name, latest in [("old", 10), ("older", 5), ("young", 20), ("old too", 7), ("last", 1)]:
        novelty.note([f"{name} {i}" for i in range(50)], latest)
    # 100 in the first filter, 200 in the second.
    novelty.forget(10)
    assert new_of(novelty, "old") == 0
    novelty.forget(11)
    # A few may be mistaken for known.
    assert new_of(novelty, "old") > 45
    assert new_of(novelty, "older") > 45
    # The newest is still to take more.
    novelty.forget(100)
    assert [new_of(novelty, name) for name in ("young", "old too", "last")] == [0, 0, 0]


def test_what_comes_again_is_kept_as_long_as_what_came_with_it() -> None:
    novelty = Novelty(first=100)
    novelty.note([f"again {i}" for i in range(100)], 10)
    novelty.note(["another"], 10)
    novelty.note([f"again {i}" for i in range(100)], 30)
    novelty.forget(20)
    assert not any(novelty.is_new(f"again {i}") for i in range(100))
