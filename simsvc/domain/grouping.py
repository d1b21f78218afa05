"""Matches grouped by account, in an order that pages can rely on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# Similarities are compared at this precision, so that the order does not hang on the last bits of
# a float sum, which differ between a hot and a sealed segment.
PRECISION = 5

HIT_DTYPE = np.dtype(
    [
        ("score", "f4"),
        ("seq", "i8"),
        ("account", "i8"),
        ("organization", "i8"),
        ("observed_at", "i8"),
    ]
)
Hits = npt.NDArray[np.void]


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page ended: the last group's best similarity and its account."""

    score: float
    account: int


@dataclass(frozen=True, slots=True)
class Group:
    """An account's matches. `seqs` and `scores` are of the most similar ones, best first."""

    account: int
    organization: int
    count: int
    best: float
    first: int
    last: int
    seqs: tuple[int, ...]
    scores: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """One page of groups, and totals over all pages. `next` is None on the last page."""

    groups: tuple[Group, ...]
    next: Cursor | None
    accounts: int
    actors: int
    prompts: int


def page_of(hits: Hits, after: Cursor | None, size: int, per_account: int) -> Page:
    """Group `hits` (HIT_DTYPE) and return the `size` groups that follow the cursor.

    Groups are made of all hits before any is cut off: one account with ten thousand matches takes
    one place, not ten thousand.
    """
    if len(hits) == 0:
        return Page((), None, 0, 0, 0)
    scores = _rounded(hits)
    order = np.lexsort((-hits["seq"], -scores, hits["account"]))
    hits, scores = hits[order], scores[order]
    starts = np.flatnonzero(np.r_[True, np.diff(hits["account"]) != 0])
    ends = np.r_[starts[1:], len(hits)]
    # An account may declare its organisation on some prompts only.
    organizations = np.maximum.reduceat(hits["organization"], starts)
    actors = np.where(organizations > 0, -organizations, hits["account"][starts])
    ranked = np.lexsort((hits["account"][starts], -scores[starts]))
    first = _first_after(after, scores[starts][ranked], hits["account"][starts][ranked])
    shown = ranked[first : first + size]
    groups = tuple(
        _group(hits[starts[g] : ends[g]], scores[starts[g] : ends[g]], per_account) for g in shown
    )
    more = first + size < len(ranked)
    cursor = Cursor(groups[-1].best, groups[-1].account) if more and groups else None
    return Page(groups, cursor, len(starts), len(np.unique(actors)), len(hits))


def _rounded(hits: Hits) -> npt.NDArray[np.float64]:
    return np.asarray(
        np.round(np.minimum(hits["score"].astype(np.float64), 1.0), PRECISION), np.float64
    )


def _first_after(
    after: Cursor | None, scores: npt.NDArray[np.float64], accounts: npt.NDArray[np.int64]
) -> int:
    if after is None:
        return 0
    seen = (scores > after.score) | ((scores == after.score) & (accounts <= after.account))
    return int(np.count_nonzero(seen))


def _group(hits: Hits, scores: npt.NDArray[np.float64], per_account: int) -> Group:
    top = hits[:per_account]
    return Group(
        account=int(hits["account"][0]),
        organization=int(hits["organization"].max()),
        count=len(hits),
        best=float(scores[0]),
        first=int(hits["observed_at"].min()),
        last=int(hits["observed_at"].max()),
        seqs=tuple(int(s) for s in top["seq"]),
        scores=tuple(scores[:per_account].tolist()),
    )
