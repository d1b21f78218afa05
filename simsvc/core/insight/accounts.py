"""Insight into an account: what it does, and who is like it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from simsvc.core.access import Principal
from simsvc.core.insight.desk import Desk
from simsvc.core.insight.links import noise_of, sampled
from simsvc.core.insight.pool import Kept, users_of
from simsvc.core.lookup import Names
from simsvc.core.stage import Stage
from simsvc.domain.breadth import breadth_of
from simsvc.domain.errors import NotFoundError
from simsvc.domain.pseudonyms import parse_pseudonym, pseudonym
from simsvc.domain.signals.twins import TwinRule, sums_of, twin_edges
from simsvc.ports.activity import Activity

Kind = TypeVar("Kind", bound=np.generic)
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
_DAY = 86_400_000_000
_PROMPTS = 100_000
# Prompts of an account that are looked at. Breadth grows with them: accounts are compared at like
# numbers.
_SAMPLE = 24
_TWINS = 10
_FRAMES = 8
_COMPARED = 100
# With fewer prompts, an account is like many by chance.
_LEAST = 4


@dataclass(frozen=True, slots=True)
class Twin:
    """An account whose prompts are of the same distribution; ρ in (0, 1]."""

    account: int
    rho: float
    prompts: int
    campaigns: list[str]


@dataclass(frozen=True, slots=True)
class UsedFrame:
    """A frame of an account: its prompts in it, the accounts looked at that use it, one prompt."""

    frame: int
    prompts: int
    accounts: int
    example: int


@dataclass(frozen=True, slots=True)
class Doings:
    """What an account does. `days` are (µs of the day's begin, prompts), without gaps."""

    account: int
    days: list[tuple[int, int]]
    breadth: float
    median_breadth: float
    looked_at: int
    frames: list[UsedFrame]
    twins: list[Twin]
    isolation: float
    names: Names


class AccountInsight:
    """The use case behind the call about an account."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def doings(self, who: Principal, account_id: str, twins: int) -> Doings:
        """Return what an account does, with so many twins at most (0: 10); written down.

        NotFoundError if no prompt of it is kept.
        """
        return await self._desk.permitted(self._doings(who, account_id, twins or _TWINS))

    async def _doings(self, who: Principal, account_id: str, twins: int) -> Doings:
        desk, stage = self._desk, self._desk.stage
        asked = desk.keyring.all_hashes("account", account_id)[0].value
        named = parse_pseudonym("acct", account_id)
        await desk.audit(who, "activity", pseudonym("acct", named or asked))
        account, activity = await desk.read(lambda: self._find(stage, account_id))
        actor = _actor_of(stage, account)
        pool = await desk.pool(stage, [actor])
        return await desk.read(lambda: self._told(stage, account, actor, activity, pool, twins))

    def _find(self, stage: Stage, account_id: str) -> tuple[int, Activity]:
        hashes = self._desk.keyring.hashes_of("acct", "account", account_id)
        account = stage.record.find_account(hashes)
        activity = stage.record.activity([account], _PROMPTS) if account else None
        if account is None or activity is None or not activity.total:
            raise NotFoundError("account")
        return account, activity

    def _told(
        self,
        stage: Stage,
        account: int,
        actor: int,
        activity: Activity,
        pool: dict[int, Kept],
        most: int,
    ) -> Doings:
        rows = sampled(activity.rows, _SAMPLE)
        mine = stage.index.vectors(rows["seq"].tolist())
        mine = mine[mine.any(axis=1)]
        owners, vectors = _looked_at(stage, pool)
        twins = self._twins(stage, actor, pool, owners, vectors)[:most]
        return Doings(
            account=account,
            days=_days(activity),
            breadth=breadth_of(mine),
            median_breadth=_median_breadth(owners, vectors, len(mine)),
            looked_at=len(mine),
            frames=_frames(activity, pool),
            twins=twins,
            isolation=pool[actor].isolation if actor in pool else 0.0,
            names=self._desk.names([account, *(twin.account for twin in twins)]),
        )

    def _twins(
        self, stage: Stage, actor: int, pool: dict[int, Kept], owners: Ints, vectors: Floats
    ) -> list[Twin]:
        actors = list(pool)
        if actor not in pool:
            return []
        centred = vectors - self._desk.projector.of(stage).mean
        sums = sums_of(centred, owners, len(actors))
        me = actors.index(actor)
        edges = twin_edges(sums, noise_of(centred, owners), TwinRule(neighbours=30))
        near = [
            (rho, i if j == me else j)
            for i, j, rho in edges
            if me in (i, j) and min(sums.n[i], sums.n[j]) >= _LEAST
        ]
        book = self._desk.book
        return [
            Twin(account, rho, pool[actors[place]].prompts, book.of_account(account))
            for rho, place in sorted(near, reverse=True)
            for account in pool[actors[place]].accounts[:1]
        ]


def _looked_at(stage: Stage, pool: dict[int, Kept]) -> tuple[Ints, Floats]:
    """Return prompts of a pool: the place (n,) in it of whose each is, and the vectors (n, d)."""
    rows = [_thinned(kept.rows, _SAMPLE) for kept in pool.values()]
    seqs = [seq for some in rows for seq in some["seq"].tolist()]
    owners = np.repeat(np.arange(len(rows)), [len(some) for some in rows])
    vectors = stage.index.vectors(seqs)
    there = vectors.any(axis=1)
    return owners[there], vectors[there]


def _thinned(rows: npt.NDArray[Kind], most: int) -> npt.NDArray[Kind]:
    """Return at most so many rows, evenly."""
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]


def _actor_of(stage: Stage, account: int) -> int:
    """Return what an account counts as: its organisation, where it has declared one."""
    facts = stage.record.account_facts(account)
    organizations = [o for o in facts.organizations if o] if facts else []
    return -organizations[0] if organizations else account


def _days(activity: Activity) -> list[tuple[int, int]]:
    if not len(activity.rows):
        return []
    days = activity.rows["observed_at"] // _DAY
    counts = np.bincount(days - days[0])
    # Of an account with more prompts than are read, each row stands for some.
    scale = activity.total / len(activity.rows)
    return [((int(days[0]) + i) * _DAY, round(n * scale)) for i, n in enumerate(counts.tolist())]


def _frames(activity: Activity, pool: dict[int, Kept]) -> list[UsedFrame]:
    rows = activity.rows[activity.rows["frame"] != 0]
    names, first, counts = np.unique(rows["frame"], return_index=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:_FRAMES].tolist()
    return [
        UsedFrame(
            int(names[i]), int(counts[i]), max(len(users_of(pool, int(names[i]))), 1),
            int(rows["seq"][first[i]]),
        )
        for i in order
    ]  # fmt: skip


def _median_breadth(owners: Ints, vectors: Floats, looked_at: int) -> float:
    """Return the median breadth of accounts with so many prompts each; 0 if there are none."""
    places = np.unique(owners)
    enough = places[np.bincount(owners)[places] >= looked_at] if len(places) else places
    step = -(-len(enough) // _COMPARED) or 1
    found = []
    for place in enough[::step].tolist():
        begin, end = np.searchsorted(owners, [place, place + 1]).tolist()
        found.append(breadth_of(_thinned(vectors[begin:end], looked_at)))
    return float(np.median(found)) if found else 0.0
