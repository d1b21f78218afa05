"""Insights into a campaign. What is read is bounded; every answer tells the size of the whole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simsvc.core.access import Principal
from simsvc.core.insight.desk import Desk
from simsvc.core.insight.framing import Span, common_runs, spans_of
from simsvc.core.insight.links import Link, LinkKind, Links, rare, sampled, shared_by
from simsvc.core.insight.pool import Kept, users_of, users_outside
from simsvc.core.insight.projection import Floats, Projection
from simsvc.core.lookup import Names
from simsvc.core.stage import Stage
from simsvc.domain.campaign import Campaign, Member
from simsvc.domain.signals.coverage import Coverage, coverage_of

_POINTS = 20_000
_LAID_OVER = 10_000
_NODES = 150
_PER_NODE = 48
_FRAMES = 6
_EXAMPLES = 5
_COMPARED = 48
_STEPS = 200
# Columns of what accounts may share, and the links that come of it.
_SHARED = (
    ("family", LinkKind.LOCKSTEP, "near-duplicate prompt"),
    ("frame", LinkKind.FRAME, "frame"),
)
Flags = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.void]


@dataclass(frozen=True, slots=True)
class Timeline:
    """Prompts of a campaign's accounts in order of time; rows (n,) of ACTIVITY_DTYPE."""

    rows: Rows
    attributed: Flags
    names: Names
    total: int


@dataclass(frozen=True, slots=True)
class Map:
    """A sample of all traffic (n, 2), and prompts of the campaign and its accounts over it."""

    projection: Projection
    background: Floats
    campaign: Floats
    campaign_seqs: list[int]
    cover: Floats
    cover_seqs: list[int]


@dataclass(frozen=True, slots=True)
class Graph:
    """Accounts of a campaign, surest first, and links between their places."""

    members: list[Member]
    links: list[Link]
    names: Names
    total: int


@dataclass(frozen=True, slots=True)
class FrameUse:
    """A frame of a campaign, with prompts in it as (seq, pieces)."""

    frame: int
    prompts: int
    accounts: int
    others: int
    examples: tuple[tuple[int, tuple[Span, ...]], ...]


@dataclass(frozen=True, slots=True)
class Growth:
    """Prompts, distinct items and times (µs) along a campaign, and what they come to."""

    prompts: list[int]
    distinct: list[int]
    times: list[int]
    coverage: Coverage


class CampaignInsight:
    """The use case behind the calls about a campaign. NotFoundError if there is no such one."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def timeline(self, campaign_id: str, limit: int) -> Timeline:
        """Return when which account sent what, at most so many prompts (0: 20,000)."""
        campaign = self._desk.campaign(campaign_id)
        work = self._desk.read(lambda: self._timeline(self._desk.stage, campaign, limit))
        return await self._desk.permitted(work)

    async def map(self, campaign_id: str, limit: int) -> Map:
        """Return where a campaign's prompts lie among all, "" for the background alone."""
        campaign = self._desk.campaign(campaign_id) if campaign_id else None
        work = self._desk.read(lambda: self._map(self._desk.stage, campaign, limit))
        return await self._desk.permitted(work)

    async def graph(self, campaign_id: str, limit: int) -> Graph:
        """Return what links the accounts of a campaign, at most so many (0: 150)."""
        campaign = self._desk.campaign(campaign_id)
        return await self._desk.permitted(self._graph(campaign, limit or _NODES))

    async def frames(self, who: Principal, campaign_id: str) -> list[FrameUse]:
        """Return the frames of a campaign, most used first; written down, since texts show."""
        campaign = self._desk.campaign(campaign_id)
        return await self._desk.permitted(self._frames(who, campaign))

    async def growth(self, campaign_id: str) -> Growth:
        """Return how what a campaign asks for grows."""
        campaign = self._desk.campaign(campaign_id)
        work = self._desk.read(lambda: self._growth(self._desk.stage, campaign))
        return await self._desk.permitted(work)

    def _timeline(self, stage: Stage, campaign: Campaign, limit: int) -> Timeline:
        found = stage.record.activity(sorted(campaign.members), limit or _POINTS)
        names = self._desk.names(np.unique(found.rows["account"]).tolist())
        return Timeline(found.rows, attributed(campaign, found.rows), names, found.total)

    def _map(self, stage: Stage, campaign: Campaign | None, limit: int) -> Map:
        projection = self._desk.projector.of(stage)
        step = -(-len(projection.seqs) // limit) if limit else 1
        kept = np.arange(len(projection.seqs)) % max(step, 1) == 0
        empty = np.zeros((0, 2), np.float32)
        if campaign is None:
            return Map(projection, projection.points[kept], empty, [], empty, [])
        rows = stage.record.activity(sorted(campaign.members), _LAID_OVER).rows
        kept &= ~np.isin(projection.seqs, rows["seq"])
        mine = attributed(campaign, rows)
        source, source_seqs = _placed(stage, projection, rows["seq"][mine])
        cover, cover_seqs = _placed(stage, projection, rows["seq"][~mine])
        background = projection.points[kept]
        return Map(projection, background, source, source_seqs, cover, cover_seqs)

    async def _graph(self, campaign: Campaign, limit: int) -> Graph:
        desk, stage = self._desk, self._desk.stage
        pool = await desk.pool(stage, ())
        members = sorted(campaign.members.values(), key=lambda m: (-m.probability, -m.prompts))
        shown = members[:limit]

        def work() -> Graph:
            links = self._links(stage, campaign, shown, pool)
            names = desk.names(m.account for m in shown)
            return Graph(shown, links, names, len(members))

        return await desk.read(work)

    def _links(
        self, stage: Stage, campaign: Campaign, members: list[Member], pool: dict[int, Kept]
    ) -> list[Link]:
        places = {m.account: place for place, m in enumerate(members)}
        rows = stage.record.activity(list(places), _POINTS).rows
        links = Links(len(members))
        source = sampled(rows[attributed(campaign, rows)], _PER_NODE)
        vectors = stage.index.vectors(source["seq"].tolist())
        there = vectors.any(axis=1)
        owners = np.array([places[a] for a in source["account"].tolist()], np.int64)
        links.add_twins(vectors[there] - self._desk.projector.of(stage).mean, owners[there])
        inside = {m.actor for m in campaign.members.values()}
        for column, kind, what in _SHARED:
            used = rare(shared_by(rows, column, places), users_outside(pool, column, inside))
            links.add_shared(used, kind, what)
        by_actor = {m.actor: places[m.account] for m in reversed(members)}
        moved = stage.detector.analyst.moves_between(by_actor.keys())
        links.add_sessions((by_actor[a], by_actor[b], n) for a, b, n in moved)
        return links.strongest()

    async def _frames(self, who: Principal, campaign: Campaign) -> list[FrameUse]:
        desk, stage = self._desk, self._desk.stage
        # Not under the campaign, whose history is of what was done with it.
        await desk.audit(who, "frames", campaign.campaign_id)
        pool = await desk.pool(stage, ())
        actors = {m.actor for m in campaign.members.values()}

        def work() -> list[FrameUse]:
            rows = stage.record.activity(sorted(campaign.members), _POINTS).rows
            rows = rows[attributed(campaign, rows)]
            names, counts = np.unique(rows["frame"], return_counts=True)
            order = [i for i in np.argsort(-counts, kind="stable").tolist() if counts[i] > 1]
            return [
                _use(stage, rows[rows["frame"] == name], name,
                     len(users_of(pool, name) - actors) if name else 0)
                for name in names[order[:_FRAMES]].tolist()
            ]  # fmt: skip

        return await desk.read(work)

    def _growth(self, stage: Stage, campaign: Campaign) -> Growth:
        rows = stage.record.activity(sorted(campaign.members), _POINTS).rows
        rows = rows[attributed(campaign, rows)]
        _, first = np.unique(rows["item"], return_index=True)
        new = np.zeros(len(rows), np.int64)
        new[first] = 1
        distinct = np.cumsum(new)
        steps = np.unique(np.linspace(0, len(rows) - 1, min(_STEPS, len(rows))).astype(int))
        pairs = zip(rows["account"].tolist(), rows["item"].tolist(), strict=True)
        return Growth(
            [int(i) + 1 for i in steps],
            distinct[steps].tolist(),
            rows["observed_at"][steps].tolist(),
            coverage_of(pairs),
        )


def attributed(campaign: Campaign, rows: Rows) -> Flags:
    """Tell which prompts a campaign rests on: those its report names, and its families."""
    source = np.frombuffer(campaign.source, "<i8")
    families = np.array(campaign.families, np.int64)
    flags: Flags = np.isin(rows["seq"], source) | np.isin(rows["item"], families)
    return flags


def _placed(
    stage: Stage, projection: Projection, seqs: npt.NDArray[np.int64]
) -> tuple[Floats, list[int]]:
    if not len(seqs):
        return np.zeros((0, 2), np.float32), []
    vectors = stage.index.vectors(seqs.tolist())
    there = vectors.any(axis=1)
    return projection.of(vectors[there]), seqs[there].tolist()


def _use(stage: Stage, rows: Rows, frame: int, others: int) -> FrameUse:
    """Describe a frame by prompts of different accounts."""
    _, first = np.unique(rows["account"], return_index=True)
    seqs = rows["seq"][np.sort(first)[:_COMPARED]].tolist()
    prompts = stage.record.cut_prompts(seqs)
    common = common_runs(prompts.values())
    there = [seq for seq in seqs if seq in prompts]
    examples = tuple((seq, spans_of(prompts[seq], common)) for seq in there[:_EXAMPLES])
    return FrameUse(frame, len(rows), len(first), others, examples)
