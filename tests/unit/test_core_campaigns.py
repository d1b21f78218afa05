"""Campaigns keep their id as they grow, merge, go quiet and come back."""

from __future__ import annotations

from collections.abc import Sequence

from simsvc.core.campaigns import CampaignBook, CampaignRule
from simsvc.core.popularity import FamilyTest
from simsvc.core.sightings import Sighting
from simsvc.domain.campaign import CampaignEvent, CampaignState, Change
from tests.fakes.prompts import HOUR, NOW
from tests.unit.helpers import family_detector

WINDOW = 24 * HOUR
RULE = FamilyTest(min_accounts=4, window=WINDOW, alpha=0.999, min_text_share=0.0, history=WINDOW)


class Life:
    """A detector and a book, ticked by hand."""

    def __init__(self) -> None:
        self.detector = family_detector(RULE)
        self.book = CampaignBook(CampaignRule(overlap=0.5, quiet_after=10 * WINDOW), "gen")
        self.seq = 0
        self.now = NOW
        for account in range(1, 200):
            self._see(account, NOW, 0)

    def send(self, accounts: Sequence[int], at: int = NOW, family: int = 0) -> int:
        for account in accounts:
            seq = self._see(account, at, family)
            family = family or seq
        return family

    def tick(self) -> list[CampaignEvent]:
        self.now += 1
        findings = self.detector.tick(self.book.is_reported)
        events = self.book.plan(findings, self.detector, self.now)
        self.book.apply(events)
        return events

    def _see(self, account: int, at: int, family: int) -> int:
        self.seq += 1
        text = self.seq.to_bytes(16, "big")
        self.detector.observe([Sighting(self.seq, account, account, at, family, text)])
        return self.seq


def test_opens_and_grows_under_one_id() -> None:
    life = Life()
    family = life.send(range(1000, 1010))
    [opened] = life.tick()
    assert opened.change is Change.OPENED
    assert opened.campaign.extent.accounts == 10
    assert life.tick() == []
    life.send([1010, 1000], family=family)
    [grew] = life.tick()
    assert (grew.change, grew.campaign.campaign_id) == (Change.GREW, opened.campaign.campaign_id)
    assert grew.campaign.extent.accounts == 11
    assert grew.campaign.members[1000].prompts == 2
    assert grew.campaign.etag != opened.campaign.etag
    assert grew.campaign.first_reported_at == opened.campaign.first_reported_at


def test_a_campaign_that_only_goes_on_is_told_of_now_and_then() -> None:
    life = Life()
    accounts = range(1000, 1040)
    family = life.send([*accounts, *accounts])
    life.tick()
    told = []
    for _ in range(40):
        life.send([1000], family=family)
        told += life.tick()
    # By a tenth each time: from 80 prompts on.
    assert [e.campaign.extent.prompts for e in told] == [88, 97, 107, 118]
    assert {e.change for e in told} == {Change.GREW}
    life.send([1040], family=family)
    [joined] = life.tick()
    assert joined.campaign.extent.prompts == 121
    life.send([1000], family=family)
    assert life.tick() == []
    life.now += 3_600_000_000
    life.send([1000], family=family)
    [later] = life.tick()
    assert later.campaign.members[1000].prompts == 44


def test_families_of_one_group_are_one_campaign() -> None:
    life = Life()
    life.send(range(1000, 1020))
    [opened] = life.tick()
    life.send(range(1005, 1025))
    [grew] = life.tick()
    assert grew.campaign.campaign_id == opened.campaign.campaign_id
    assert len(grew.campaign.families) == 2
    assert grew.campaign.extent.accounts == 25
    assert grew.campaign.members[1010].prompts == 2
    assert len(grew.campaign.evidence) == 4


def test_strangers_are_another_campaign() -> None:
    life = Life()
    life.send(range(1000, 1020))
    life.send(range(2000, 2020))
    assert [e.change for e in life.tick()] == [Change.OPENED, Change.OPENED]
    assert life.book.open_count() == 2
    assert life.book.check(1000) != life.book.check(2000)


def test_groups_that_prove_to_be_one_are_merged_into_the_older() -> None:
    life = Life()
    first_family = life.send(range(1000, 1010))
    [first] = life.tick()
    second_family = life.send(range(2000, 2010))
    [second] = life.tick()
    life.send([*range(1000, 1010), *range(2000, 2010)])
    events = {e.change: e.campaign for e in life.tick()}
    assert set(events) == {Change.GREW, Change.MERGED}
    grown, merged = events[Change.GREW], events[Change.MERGED]
    assert grown.campaign_id == first.campaign.campaign_id
    assert merged.campaign_id == second.campaign.campaign_id
    assert merged.merged_into == grown.campaign_id
    assert merged.state is CampaignState.MERGED
    assert {first_family, second_family} < set(grown.families)
    assert grown.extent.accounts == 20
    assert grown.members[2000].prompts == 2
    assert life.book.check(2000) == (grown.campaign_id,)
    life.send([2010], family=second_family)
    [later] = life.tick()
    assert later.campaign.campaign_id == grown.campaign_id


def test_quiet_and_back() -> None:
    life = Life()
    family = life.send(range(1000, 1010))
    life.tick()
    life.send([1], at=NOW + 11 * WINDOW)
    [quieted] = life.tick()
    assert quieted.change is Change.QUIETED
    assert life.book.check(1000) == ()
    assert life.book.open_count() == 0
    life.send([1000], at=NOW + 11 * WINDOW, family=family)
    [reopened] = life.tick()
    assert reopened.change is Change.REOPENED
    assert life.book.check(1001) == (quieted.campaign.campaign_id,)


def test_a_plan_changes_nothing_until_it_is_applied() -> None:
    life = Life()
    life.send(range(1000, 1010))
    findings = life.detector.tick(life.book.is_reported)
    events = life.book.plan(findings, life.detector, NOW)
    assert len(events) == 1
    assert (life.book.all(), life.book.check(1000)) == ([], ())


def test_a_loaded_book_is_like_the_one_that_lived() -> None:
    life = Life()
    family = life.send(range(1000, 1010))
    life.tick()
    life.send(range(2000, 2010))
    life.tick()
    loaded = CampaignBook(CampaignRule(0.5, 10 * WINDOW), "gen")
    loaded.load(life.book.all())
    assert loaded.all() == life.book.all()
    assert loaded.check(2000) == life.book.check(2000)
    assert loaded.is_reported(family)
    assert loaded.of_account(1000) == life.book.of_account(1000)
    # A restart tests every family again: that is no news.
    findings = _all_again(life)
    assert loaded.plan(findings, life.detector, NOW + 100) == []


def _all_again(life: Life) -> list:  # type: ignore[type-arg]
    life.detector.test_again([f for c in life.book.all() for f in c.families])
    return life.detector.tick(lambda _: True)
