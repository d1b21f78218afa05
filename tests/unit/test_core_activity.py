"""Counting accounts by time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from simsvc.core.activity import Activity

TIMES = st.integers(0, 1000)


@given(st.lists(st.tuples(st.integers(0, 6), TIMES)), TIMES, TIMES, st.sampled_from([1, 100, 6400]))
def test_counts_are_those_of_a_list(
    seen: list[tuple[int, int]], start: int, before: int, window: int
) -> None:
    activity = Activity(window)
    for actor, at in seen:
        activity.note(actor, at)
    first = {a: min(t for b, t in seen if b == a) for a, _ in seen}
    last = {a: max(t for b, t in seen if b == a) for a, _ in seen}
    for _ in range(2):
        assert len(activity) == len(last)
        assert activity.active_since(start) == sum(t >= start for t in last.values())
        assert activity.known_before(start) == sum(t < start for t in first.values())
        activity.forget(before)
        last = {a: t for a, t in last.items() if t >= before}
        first = {a: first[a] for a in last}
