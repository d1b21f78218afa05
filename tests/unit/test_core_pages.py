"""Pages of look-ups and of campaigns, and who is told what."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from simsvc.core.access import ALL_ROLES, Principal
from simsvc.core.casework import CampaignQuery
from simsvc.core.lookup import SearchFilter, SearchQuery
from simsvc.domain.campaign import CampaignState
from simsvc.domain.errors import InvalidError, NotFoundError, OverloadedError, UnavailableError
from simsvc.domain.pseudonyms import pseudonym
from tests.fakes.prompts import HOUR, NOW
from tests.unit.helpers import Core, prompt

WHO = Principal("ana", ALL_ROLES)
WHERE = SearchFilter("", "", None, None, 0.5)
QUERY = SearchQuery("red green blue", None, None, WHERE, 3, "", 2)


@pytest.fixture
async def core() -> AsyncIterator[Core]:
    core = Core(permits=1000)
    near = [prompt(f"n{i}", f"red green blue w{i}", f"acc-{i % 4}") for i in range(8)]
    await core.ingest.observe([*near, prompt("far", "quite another thing entirely")])
    yield core
    await core.stop()


async def test_a_token_is_for_its_query_and_filter(core: Core) -> None:
    token = (await core.lookup.search(WHO, QUERY)).next_token
    assert token
    resumed = replace(QUERY, page_token=token)
    larger = await core.lookup.search(WHO, replace(resumed, page_size=50))
    assert (len(larger.page.groups), larger.next_token) == (1, "")
    elsewhere = replace(WHERE, start=1)
    for other in (
        replace(resumed, text="red"),
        replace(resumed, where=elsewhere),
        replace(resumed, text=None, seq=1),
        replace(resumed, page_token=token[:-2] + "AA"),
        replace(resumed, page_token="é"),
    ):
        with pytest.raises(InvalidError):
            await core.lookup.search(WHO, other)


async def test_an_account_takes_one_place_and_shows_its_best(core: Core) -> None:
    result = await core.lookup.search(WHO, replace(QUERY, page_size=50, per_account=1))
    assert (result.page.accounts, result.page.prompts) == (4, 8)
    for group in result.page.groups:
        assert (group.count, len(group.seqs)) == (2, 1)
        assert group.scores[0] == pytest.approx(group.best, abs=1e-4)
    assert set(result.prompts) == {s for g in result.page.groups for s in g.seqs}
    assert set(result.names.accounts) == {g.account for g in result.page.groups}


async def test_times(core: Core) -> None:
    late = replace(prompt("late", "red green blue", "late"), observed_at=NOW + HOUR)
    await core.ingest.observe([late])
    for start, end, prompts in (
        (NOW, NOW + HOUR, 8),
        (NOW + 1, None, 1),
        (None, NOW, 0),
        (NOW, NOW + HOUR + 1, 9),
    ):
        where = replace(WHERE, start=start, end=end)
        result = await core.lookup.search(WHO, replace(QUERY, where=where))
        assert result.page.prompts == prompts


@pytest.mark.parametrize("field", ["account_id", "organization_id"])
@pytest.mark.parametrize("value", ["nobody", pseudonym("acct", b"x" * 16), "acct_xyz"])
async def test_who_was_never_seen_has_no_matches(core: Core, field: str, value: str) -> None:
    where = replace(WHERE, **{field: value})
    result = await core.lookup.search(WHO, replace(QUERY, where=where))
    assert (result.page.groups, result.next_token, result.prompts) == ((), "", {})


async def test_permits_come_back_and_too_many_are_refused(core: Core) -> None:
    for _ in range(20):
        with pytest.raises(NotFoundError):
            await core.lookup.search(WHO, replace(QUERY, text=None, seq=999))
    core.embedder.gate = asyncio.Event()
    waiting = [asyncio.create_task(core.lookup.search(WHO, QUERY)) for _ in range(8)]
    await asyncio.sleep(0.02)
    with pytest.raises(OverloadedError):
        await core.lookup.search(WHO, QUERY)
    waiting[0].cancel()
    await asyncio.sleep(0.01)
    waiting.append(asyncio.create_task(core.lookup.search(WHO, QUERY)))
    core.embedder.gate.set()
    results = await asyncio.gather(*waiting[1:])
    assert [r.page.accounts for r in results] == [4] * 8


async def test_subjects_are_no_texts(core: Core) -> None:
    values = (1.0,) * core.index.dimension
    await core.lookup.search(WHO, replace(QUERY, text=None, vector=values))
    await core.lookup.search(WHO, replace(QUERY, text=None, seq=2))
    await core.lookup.search(WHO, QUERY)
    await core.lookup.search(WHO, QUERY)
    subjects = [e.subject for e in core.record.notes]
    assert subjects[:2] == ["vector", "prompt:2"]
    assert subjects[2] == subjects[3]
    assert {e.at for e in core.record.notes} == {NOW}


async def test_no_account_without_a_trace(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> None:
        raise UnavailableError("the disk is full")

    monkeypatch.setattr(core.record, "append_audit", broken)
    with pytest.raises(UnavailableError):
        await core.lookup.account(WHO, "acc-1")


async def test_asking_for_an_unknown_account_leaves_a_trace(core: Core) -> None:
    with pytest.raises(NotFoundError):
        await core.lookup.account(WHO, "nobody")
    assert [e.action for e in core.record.notes] == ["account"]


async def test_an_account_by_its_pseudonym(core: Core) -> None:
    [named] = core.record.account_names([1]).values()
    facts, names = await core.lookup.account(WHO, pseudonym("acct", named.hash))
    assert (facts.account, facts.prompts, facts.recent) == (1, 2, (5, 1))
    assert names.accounts == {1: named}


async def report_groups(core: Core, count: int) -> list[str]:
    """Report one group of accounts a tick; return the ids, oldest first."""
    lone = [prompt(f"o{i}", f"a{i} b{i} c{i}", f"org-{i}") for i in range(300)]
    await core.ingest.observe(lone)
    for number in range(count):
        core.clock.now = lambda number=number: NOW + number  # type: ignore[misc]
        words = " ".join(f"t{number}x{word}" for word in range(10))
        group = [prompt(f"c{number}-{i}", f"{words} w{i}", f"c{number}-{i}") for i in range(20)]
        await core.ingest.observe(group)
        assert core.lifecycle.tick() == 1
    return [c.campaign_id for c in reversed(core.book.all())]


async def test_campaigns_come_in_pages_latest_first(core: Core) -> None:
    ids = await report_groups(core, 5)
    pages, token = [], ""
    for _ in range(3):
        page, token = core.casework.page(CampaignQuery(state=CampaignState.OPEN), 2, token)
        pages += [c.campaign_id for c in page]
    assert (pages, token) == (ids[::-1], "")
    whole, token = core.casework.page(CampaignQuery(), 5, "")
    assert (len(whole), token) == (5, "")
    assert core.casework.page(CampaignQuery(state=CampaignState.MERGED), 5, "") == ([], "")


async def test_a_campaign_that_changes_between_pages_is_not_repeated(core: Core) -> None:
    ids = await report_groups(core, 4)
    _, token = core.casework.page(CampaignQuery(), 2, "")
    words = " ".join(f"t3x{word}" for word in range(10))
    await core.ingest.observe([prompt("more", f"{words} more", "more")])
    core.clock.now = lambda: NOW + 100  # type: ignore[method-assign]
    assert core.lifecycle.tick() == 1
    rest, end = core.casework.page(CampaignQuery(), 2, token)
    assert ([c.campaign_id for c in rest], end) == ([ids[1], ids[0]], "")


async def test_cases_show_their_members_and_typical_prompts(core: Core) -> None:
    [campaign_id] = await report_groups(core, 1)
    case = await core.casework.case(campaign_id)
    assert len(case.representatives) == len(set(case.representatives)) == 10
    shown = core.record.prompts(case.representatives)
    assert {p.owner.account for p in shown.values()} <= set(case.campaign.members)
    assert core.casework.campaigns_of(min(case.campaign.members)) == [campaign_id]
    assert core.casework.check("c0-1") == (campaign_id,)
    with pytest.raises(NotFoundError):
        await core.casework.case("cmp_none")


async def test_a_watch_goes_on_where_it_was_left(core: Core) -> None:
    ids = await report_groups(core, 3)
    seen, token = [], ""
    for _ in range(3):
        event, token = await anext(core.casework.watch(token))
        seen.append(event.campaign.campaign_id)
    assert seen == ids
    waiting = asyncio.create_task(anext(core.casework.watch(token)))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    core.feed.close()
    with pytest.raises(StopAsyncIteration):
        await asyncio.wait_for(waiting, 10)
    page_token = core.casework.page(CampaignQuery(), 1, "")[1]
    with pytest.raises(InvalidError):
        await anext(core.casework.watch(page_token))
