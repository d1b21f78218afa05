"""Recovery, ticks, retention, membership and the feed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from simsvc.core.campaigns import CampaignBook, CampaignRule
from simsvc.core.casework import CampaignQuery
from simsvc.core.feed import CampaignFeed
from simsvc.core.lifecycle import WriteProbe
from simsvc.core.membership import Membership
from simsvc.domain.campaign import CampaignState
from simsvc.domain.errors import InvalidError, UnavailableError
from simsvc.domain.pseudonyms import Keyring, pseudonym
from simsvc.index.flat import FlatIndex
from tests.fakes.embedder import DIMENSION
from tests.fakes.prompts import HOUR, KEYRING
from tests.unit.helpers import FAMILIES, Core, NoSnapshots, family_detector, prompt
from tests.until import until_async


@pytest.fixture
async def core() -> AsyncIterator[Core]:
    core = Core()
    lone = [prompt(f"o{i}", f"a{i} b{i} c{i}", f"org-{i}") for i in range(60)]
    await core.ingest.observe(lone)
    group = [
        prompt(f"g{i}", f"check the ledger now and again today please w{i}", f"bad-{i}")
        for i in range(12)
    ]
    await core.ingest.observe(group)
    yield core
    await core.stop()


async def test_a_tick_opens_and_publishes(core: Core) -> None:
    events = core.feed.follow(0)
    waiting = asyncio.create_task(anext(events))
    await asyncio.sleep(0.02)
    assert not waiting.done()
    assert await core.writer.call(core.lifecycle.tick) == 1
    event = await asyncio.wait_for(waiting, 10)
    assert (event.position, event.campaign.extent.accounts) == (1, 12)
    assert core.membership.check("bad-3") == (event.campaign.campaign_id,)
    assert core.membership.check("org-3") == core.membership.check("never seen") == ()
    [named] = core.record.account_names([core.record.find_account(_hashes("bad-3")) or 0]).values()
    assert core.membership.check(pseudonym("acct", named.hash)) != ()
    [outcome] = await core.ingest.observe([prompt("later", "unrelated", "bad-3")])
    assert outcome.campaign_id == event.campaign.campaign_id  # type: ignore[union-attr]
    core.feed.close()
    with pytest.raises(StopAsyncIteration):
        await asyncio.wait_for(anext(events), 10)


def _hashes(account: str) -> list[bytes]:
    return [h.value for h in KEYRING.all_hashes("account", account)]


async def test_membership_under_a_new_key(core: Core) -> None:
    await core.writer.call(core.lifecycle.tick)
    rotated = Keyring({"k1": b"1" * 32, "k2": b"2" * 32}, "k2")
    membership = Membership(core.record, core.book, rotated)
    membership.learn(core.book.all())
    assert membership.check("bad-3") == core.membership.check("bad-3") != ()


async def test_a_failed_report_is_made_again(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise UnavailableError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(core.record, "save_campaigns", broken)
        with pytest.raises(UnavailableError):
            core.lifecycle.tick()
    assert core.book.all() == []
    assert core.lifecycle.tick() == 1


@pytest.mark.parametrize("damage", ["", "a file is not what was written"])
async def test_recovery_gives_the_same_state(core: Core, damage: str) -> None:
    core.lifecycle.tick()
    await core.ingest.observe(
        [prompt("g99", "check the ledger now and again today please w99", "bad-99")]
    )
    before = (core.index.stats(), core.detector.accounts, core.detector.families)
    core.index, core.detector = FlatIndex(DIMENSION), family_detector(FAMILIES)
    core.book = CampaignBook(CampaignRule(0.5, 240 * HOUR), "gen")
    core.membership = Membership(core.record, core.book, KEYRING)
    core.lifecycle = core.make_lifecycle(NoSnapshots(damage))
    core.lifecycle.recover()
    assert (core.index.stats(), core.detector.accounts, core.detector.families) == before
    assert core.lifecycle.replayed == 73
    assert core.membership.check("bad-3") != ()
    assert core.lifecycle.tick() == 1  # bad-99 joined after the last tick
    [campaign] = core.book.all()
    assert campaign.extent.accounts == 13


async def test_retention_takes_all_of_it(core: Core) -> None:
    core.lifecycle.tick()
    core.clock.now = lambda: 10**18  # type: ignore[method-assign]
    assert await core.lifecycle.retention.run() == 72
    assert core.index.stats().prompts == core.record.last_seq() == core.detector.accounts == 0


async def test_cases_pages_and_resume_tokens(core: Core) -> None:
    other = [
        prompt(f"h{i}", f"sail a small boat back home this evening w{i}", f"worse-{i}")
        for i in range(12)
    ]
    await core.ingest.observe(other)
    core.lifecycle.tick()
    first, token = core.casework.page(CampaignQuery(), 1, "")
    second, end = core.casework.page(CampaignQuery(), 1, token)
    assert {c.campaign_id for c in (*first, *second)} == {c.campaign_id for c in core.book.all()}
    assert (len(first), len(second), end) == (1, 1, "")
    assert core.casework.page(CampaignQuery(state=CampaignState.QUIET), 1, "") == ([], "")
    with pytest.raises(InvalidError):
        core.casework.page(CampaignQuery(state=CampaignState.OPEN), 1, token)
    case = await core.casework.case(first[0].campaign_id)
    assert len(case.representatives) == 10
    assert set(case.names.accounts) == set(case.campaign.members)
    watching = core.casework.watch("")
    event, resume = await anext(watching)
    resumed, _ = await anext(core.casework.watch(resume))
    assert (event.position, resumed.position) == (1, 2)
    with pytest.raises(InvalidError):
        await anext(core.casework.watch("made up"))


async def test_a_feed_has_many_followers(core: Core) -> None:
    feed = CampaignFeed(core.record, core.readers)
    followers = [asyncio.create_task(anext(feed.follow(0))) for _ in range(3)]
    await asyncio.sleep(0.02)
    core.lifecycle.tick()
    feed.publish(core.record.campaign_events(0, 1))
    events = await asyncio.wait_for(asyncio.gather(*followers), 10)
    assert len({e.position for e in events}) == 1


async def test_a_probe_finds_the_record_away_where_nobody_writes(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> int:
        raise UnavailableError("the record cannot be read")

    probe = asyncio.create_task(WriteProbe(core.stages, core.writer, 0.001).run())
    await asyncio.sleep(0.01)
    assert core.writer.writable
    with monkeypatch.context() as patched:
        patched.setattr(core.record, "highest_seq", away)
        patched.setattr(core.record, "check_writable", away)
        await until_async(lambda: not core.writer.writable)
    await until_async(lambda: core.writer.writable)
    probe.cancel()


async def test_a_probe_finds_the_record_writable_again(core: Core) -> None:
    core.writer.writable = False
    probe = asyncio.create_task(WriteProbe(core.stages, core.writer, 0.001).run())
    for _ in range(2000):
        if core.writer.writable:
            break
        await asyncio.sleep(0.001)
    assert core.writer.writable
    probe.cancel()
