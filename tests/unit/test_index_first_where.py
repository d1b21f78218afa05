"""The least step that suffices is found without trying all, and none after it far."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from simsvc.index.ann import first_where


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 70))
def test_first_where(start: int, length: int, least: int) -> None:
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
