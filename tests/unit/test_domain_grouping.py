"""Grouping by account before anything is cut off, and pages that hold together."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from simsvc.domain.grouping import HIT_DTYPE, Cursor, Group, Hits, Page, page_of

ROWS = st.lists(
    st.tuples(st.sampled_from([0.5, 0.7, 0.70000001, 0.9, 1.0]), st.integers(1, 12)), max_size=60
)


def hits_of(rows: list[tuple[float, int]]) -> Hits:
    hits = np.zeros(len(rows), HIT_DTYPE)
    for i, (score, account) in enumerate(rows):
        # Accounts 1 to 3 are one organisation's.
        hits[i] = (score, i + 1, account, 9 if account <= 3 else 0, 1000 + i)
    return hits


def walk(hits: Hits, size: int) -> tuple[list[Group], Page]:
    groups: list[Group] = []
    cursor: Cursor | None = None
    while True:
        page = page_of(hits, cursor, size, 2)
        groups.extend(page.groups)
        if page.next is None:
            return groups, page
        cursor = page.next


@given(ROWS, st.integers(1, 7))
def test_all_pages_hold_every_account_once(rows: list[tuple[float, int]], size: int) -> None:
    groups, page = walk(hits_of(rows), size)
    accounts = {account for _, account in rows}
    assert sorted(g.account for g in groups) == sorted(accounts)
    assert [g.best for g in groups] == sorted((g.best for g in groups), reverse=True)
    assert sum(g.count for g in groups) == len(rows) == page.prompts
    assert page.accounts == len(accounts)
    assert page.actors == len({min(a, 0) if a <= 3 else a for a in accounts})
    for group in groups:
        mine = [score for score, account in rows if account == group.account]
        assert np.isclose(group.best, max(mine), atol=1e-5)
        assert len(group.seqs) == min(2, len(mine))


def test_a_flood_takes_one_place() -> None:
    flood = [(0.99, 1)] * 20_000
    quiet = [(0.8, 100 + i) for i in range(40)]
    page = page_of(hits_of(flood + quiet), None, 41, 3)
    assert [g.account for g in page.groups[:2]] == [1, 100]
    assert len(page.groups) == 41
    assert page.groups[0].count == 20_000


def test_new_prompts_between_pages_do_not_repeat_an_account() -> None:
    rows = [(0.9 - i / 100, 10 + i) for i in range(10)]
    first = page_of(hits_of(rows), None, 4, 1)
    second = page_of(hits_of([*rows, (0.95, 50)]), first.next, 10, 1)
    assert [g.account for g in second.groups] == [14, 15, 16, 17, 18, 19]
