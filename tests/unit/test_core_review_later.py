"""Decisions and their undo after the detector, or another decision, has gone on meanwhile."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from simsvc.core import decisions
from simsvc.core.campaigns import CampaignBook, CampaignRule
from simsvc.core.decisions import Ruling
from simsvc.core.undoing import undo
from simsvc.domain.audit import AuditEntry, AuditNote
from simsvc.domain.campaign import CampaignEvent, CampaignState, Change
from simsvc.domain.review import Verdict
from tests.unit.helpers import Core
from tests.unit.test_core_campaigns import Life
from tests.unit.test_core_review import REVIEWER, Desk, about


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    core = Core()
    yield Desk(core)
    await core.stop()


def accounts(*numbers: int) -> list[str]:
    return [f"account-{i}" for i in numbers]


def carry_out(life: Life, ruling: Ruling) -> AuditEntry:
    """Let a ruling change the book, and return its entry."""
    life.book.apply([CampaignEvent(change, c, life.now) for change, c in ruling.changes])
    told = [json.dumps(part) for part in (ruling.before, ruling.after, ruling.detail)]
    note = AuditNote(life.now, "rita", ruling.action, "", ruling.about, *told[:2], detail=told[2])
    return AuditEntry(1, note, "", b"")


async def test_taking_back_a_confirmation_leaves_what_came_back_open(desk: Desk) -> None:
    a = desk.opened(range(1, 21))
    quiet = replace(desk.at(a), state=CampaignState.QUIET)
    event = CampaignEvent(Change.QUIETED, quiet, desk.times)
    desk.book.apply(desk.core.record.save_campaigns([event]))
    await desk.reviews.confirm(REVIEWER, a, desk.etag(a), "")
    desk.find(about(range(1, 26)))
    await desk.undo(a)
    assert (desk.at(a).state, desk.at(a).review.verdict) == (CampaignState.OPEN, Verdict.NONE)


async def test_a_part_of_a_dismissed_campaign_is_open_and_can_be_judged(desk: Desk) -> None:
    a = desk.opened(range(1, 21))
    await desk.dismiss(a)
    b = await desk.reviews.split(REVIEWER, a, desk.etag(a), accounts(1, 2, 3), "not these")
    assert (desk.at(a).state, desk.at(b).state) == (CampaignState.DISMISSED, CampaignState.OPEN)
    await desk.dismiss(b)


async def test_a_wall_holds_for_what_a_part_has_become_part_of(desk: Desk) -> None:
    a = desk.opened(range(1, 21))
    part = await desk.reviews.split(REVIEWER, a, desk.etag(a), accounts(*range(1, 11)), "")
    whole = desk.opened(range(30, 51))
    await desk.reviews.merge(REVIEWER, whole, desk.etag(whole), [a], "")
    desk.find(about(range(1, 51)))
    assert set(desk.at(part).members) == {*range(1, 11), *range(21, 30)}
    assert desk.at(whole).state is CampaignState.OPEN
    assert set(desk.at(whole).members) == {*range(11, 21), *range(30, 51)}


async def test_undoing_a_split_leaves_nobody_excluded(desk: Desk) -> None:
    a = desk.opened(range(1, 31))
    await desk.reviews.split(REVIEWER, a, desk.etag(a), accounts(*range(1, 11)), "")
    desk.find(about(range(1, 10)))  # Lets go of the tenth.
    desk.find(about(range(12, 31)))  # And of the eleventh.
    await desk.undo(a)
    assert desk.at(a).review.excluded == frozenset()


async def test_parts_that_come_together_again_name_each_prompt_once(desk: Desk) -> None:
    a = desk.opened(range(1, 21))
    named = replace(desk.at(a), source=b"\1\0\0\0\0\0\0\0")
    event = CampaignEvent(Change.GREW, named, desk.times)
    desk.book.apply(desk.core.record.save_campaigns([event]))
    for _ in range(2):
        await desk.reviews.split(REVIEWER, a, desk.etag(a), accounts(1, 2), "")
        await desk.undo(a)
    assert desk.at(a).source == named.source


async def test_what_is_merged_by_now_has_nothing_to_undo(desk: Desk) -> None:
    a, b = desk.opened(range(1, 21)), desk.opened(range(30, 41))
    await desk.reviews.confirm(REVIEWER, a, desk.etag(a), "")
    await desk.reviews.merge(REVIEWER, b, desk.etag(b), [a], "")
    assert (await desk.log.reviews(a, 10, "")).undoable == frozenset()


async def test_two_that_are_dismissed_are_no_news_of_each_other(desk: Desk) -> None:
    a, b = desk.opened(range(1, 12)), desk.opened(range(30, 42))
    await desk.dismiss(a)
    await desk.dismiss(b)
    both = about(range(1, 12)).members + about(range(30, 42)).members
    assert desk.find(replace(about(range(1, 12)), members=both)) == []


def test_newcomers_to_a_family_join_the_part_that_was_left_and_no_other() -> None:
    life = Life()
    family = life.send(range(1000, 1020))
    [opened] = life.tick()
    a = opened.campaign.campaign_id
    part = carry_out(
        life, decisions.split(opened.campaign, range(1000, 1008), "", life.now)
    ).note.campaign_id
    life.send([1000, 1100, 1101], family=family)
    life.tick()
    rest, split = life.book.get(a), life.book.get(part)
    assert rest is not None
    assert split is not None
    assert set(rest.members) == {*range(1008, 1020), 1100, 1101}
    assert set(split.members) == set(range(1000, 1008))
    assert split.members[1000].prompts == 2
    for order in ([rest, split], [split, rest]):
        again = CampaignBook(CampaignRule(0.5, 10**15), "gen")
        again.load(order)
        assert again._by_family[family] == a


def test_a_family_goes_back_to_its_campaign_when_a_merge_is_undone() -> None:
    life = Life()
    life.send(range(1000, 1020))
    family = life.send(range(2000, 2020))
    first, second = (event.campaign for event in life.tick())
    entry = carry_out(life, decisions.merge(first, [second], ""))
    whole = life.book.get(first.campaign_id)
    assert whole is not None
    carry_out(life, undo(whole, entry, life.book.get))
    life.send([2100, 2101], family=family)
    life.tick()
    one, other = life.book.get(first.campaign_id), life.book.get(second.campaign_id)
    assert one is not None
    assert other is not None
    assert set(one.members) == set(range(1000, 1020))
    assert set(other.members) == {*range(2000, 2020), 2100, 2101}


def test_a_merge_is_undone_in_another_generation_too() -> None:
    life = Life()
    life.send(range(1000, 1020))
    life.send(range(2000, 2020))
    first, second = (event.campaign for event in life.tick())
    entry = carry_out(life, decisions.merge(first, [second], ""))
    [one], [other] = first.families, second.families
    life.book.take_over("next", life.book.rebased({one: 7001, other: 7002}))
    whole = life.book.get(first.campaign_id)
    assert whole is not None
    assert whole.families == (7001, 7002)
    parts = {c.campaign_id: c for _, c in undo(whole, entry, life.book.get).changes}
    assert parts[first.campaign_id].families == (7001,)
    assert parts[second.campaign_id].families == (7002,)
    assert {e.family for e in parts[first.campaign_id].evidence} == {7001}
