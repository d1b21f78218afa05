"""Insights over fakes: permits, the audit, organisations, and campaigns whose prompts are gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import numpy as np
import pytest

from simsvc.core.access import ALL_ROLES, Principal
from simsvc.core.admission import Admission
from simsvc.core.insight.accounts import AccountInsight
from simsvc.core.insight.campaigns import CampaignInsight
from simsvc.core.insight.desk import Desk
from simsvc.domain.campaign import Campaign, CampaignEvent, CampaignState, Change, Member, extent_of
from simsvc.domain.errors import NotFoundError, OverloadedError, UnavailableError
from simsvc.domain.pseudonyms import pseudonym
from tests.fakes.prompts import KEYRING, NOW
from tests.unit.helpers import Core, prompt

WHO = Principal("ana", ALL_ROLES)
DAY = 86_400_000_000
PERMITS = 8
WORDS = ("apple", "river", "engine", "violin", "carpet", "winter", "lemon", "ladder")


class World:
    """Four accounts of one campaign, two prompts of it each, among others."""

    def __init__(self) -> None:
        self.core = Core()
        core = self.core
        self.admission = Admission(PERMITS)
        self.desk = Desk(
            core.stages,
            core.book,
            core.writer,
            KEYRING,
            core.clock,
            core.readers,
            core.readers,
            self.admission,
        )
        self.campaigns, self.accounts = CampaignInsight(self.desk), AccountInsight(self.desk)

    async def fill(self) -> None:
        for i in range(4):
            asked = [
                prompt(f"a{i}-{j}", f"translate {WORDS[i]} {WORDS[j]}", f"acc-{i}", "org")
                for j in range(2)
            ]
            late = replace(prompt(f"b{i}", f"hello {WORDS[i]}", f"acc-{i}", "org"),
                           observed_at=NOW + 2 * DAY)  # fmt: skip
            await self.core.ingest.observe([*asked, late])
        others = [prompt(f"o{i}", f"how is {w}", f"other-{i}") for i, w in enumerate(WORDS)]
        await self.core.ingest.observe(others)
        seqs = [s for s, p in self.core.record._prompts.items() if p.request_id.startswith("a")]
        members = {a: Member(a, -1, NOW, NOW, 2) for a in range(1, 5)}
        campaign = Campaign(
            "cmp_1", CampaignState.OPEN, NOW, NOW, (), (), extent_of(members.values()), members,
            source=np.array(seqs, "<i8").tobytes(),
        )  # fmt: skip
        self.core.book.apply([CampaignEvent(Change.OPENED, campaign, NOW, 1)])


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    await world.fill()
    yield world
    await world.core.stop()


async def test_only_what_a_campaign_rests_on_is_attributed(world: World) -> None:
    found = await world.campaigns.timeline("cmp_1", 0)
    assert found.total == len(found.rows) == 12
    assert found.attributed.sum() == 8
    assert (found.rows["observed_at"][found.attributed] == NOW).all()
    laid = await world.campaigns.map("cmp_1", 0)
    assert (len(laid.background), len(laid.campaign), len(laid.cover)) == (8, 8, 4)
    growth = await world.campaigns.growth("cmp_1")
    assert growth.prompts == list(range(1, 9))
    # "apple river" and "river apple" are one item, which its first prompt leads.
    assert growth.distinct[-1] == growth.coverage.distinct == 7


async def test_of_a_campaign_whose_prompts_retention_took_there_is_nothing_to_show(
    world: World,
) -> None:
    world.core.record.purge(NOW + 9 * DAY)
    world.core.index.drop_before(NOW + 9 * DAY)
    timeline = await world.campaigns.timeline("cmp_1", 0)
    assert (len(timeline.rows), timeline.total) == (0, 0)
    laid = await world.campaigns.map("cmp_1", 0)
    assert (len(laid.background), laid.campaign_seqs, laid.cover_seqs) == (0, [], [])
    graph = await world.campaigns.graph("cmp_1", 0)
    assert (len(graph.members), graph.links) == (4, [])
    assert await world.campaigns.frames(WHO, "cmp_1") == []
    growth = await world.campaigns.growth("cmp_1")
    assert (growth.prompts, growth.coverage.distinct) == ([], 0)
    with pytest.raises(NotFoundError):
        await world.accounts.doings(WHO, "acc-1", 0)


async def test_an_account_of_an_organisation_is_told_by_day_without_gaps(world: World) -> None:
    found = await world.accounts.doings(WHO, "acc-1", 0)
    day = NOW // DAY * DAY
    assert found.days == [(day, 2), (day + DAY, 0), (day + 2 * DAY, 1)]
    assert found.looked_at == 3
    assert 1 < found.breadth <= 3
    assert found.twins == []
    named = world.core.record.account_names([found.account])[found.account]
    by_name = await world.accounts.doings(WHO, pseudonym("acct", named.hash), 0)
    assert replace(by_name, names=found.names) == found


async def test_texts_and_accounts_are_written_down_by_pseudonym(world: World) -> None:
    await world.campaigns.frames(WHO, "cmp_1")
    await world.accounts.doings(WHO, "acc-1", 0)
    with pytest.raises(NotFoundError):
        await world.accounts.doings(WHO, "nobody", 0)
    told = [(n.principal, n.action) for n in world.core.record.notes]
    assert told == [("ana", "frames"), ("ana", "activity"), ("ana", "activity")]
    subjects = [n.subject for n in world.core.record.notes]
    assert subjects[0] == "cmp_1"
    assert all(s.startswith("acct_") for s in subjects[1:])


async def test_nothing_is_shown_that_is_not_written_down(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> None:
        raise UnavailableError("the disk is full")

    monkeypatch.setattr(world.core.record, "append_audit", broken)
    for call in (world.campaigns.frames(WHO, "cmp_1"), world.accounts.doings(WHO, "acc-1", 0)):
        with pytest.raises(UnavailableError):
            await call
    assert world.admission.in_use == 0


async def test_every_insight_takes_a_permit(world: World) -> None:
    def calls() -> list[object]:
        return [
            world.campaigns.timeline("cmp_1", 0),
            world.campaigns.map("", 0),
            world.campaigns.graph("cmp_1", 0),
            world.campaigns.frames(WHO, "cmp_1"),
            world.campaigns.growth("cmp_1"),
            world.accounts.doings(WHO, "acc-1", 0),
        ]

    world.admission.admit(PERMITS)
    for call in calls():
        with pytest.raises(OverloadedError):
            await call  # type: ignore[misc]
    assert world.core.record.notes == []
    world.admission.release(PERMITS)
    await asyncio.gather(*calls())  # type: ignore[call-overload]
    assert world.admission.in_use == 0


async def test_a_pool_is_copied_again_when_something_is_new(world: World) -> None:
    stage = world.core.stages.serving
    first = await world.desk.pool(stage, ())
    assert await world.desk.pool(stage, ()) is first
    assert await world.desk.pool(stage, [987_654]) is first
    assert len(first) == 9
    await world.core.ingest.observe([prompt("new", "quite new", "newcomer")])
    again = await world.desk.pool(stage, ())
    assert len(again) == 10
    assert (await world.desk.pool(stage, [next(iter(again))])) is again
    assert (await world.desk.pool(replace(stage, generation="next"), ())) is not again
