"""What holds of the campaign book after any traffic."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from simsvc.core.campaigns import CampaignBook, CampaignRule
from simsvc.domain.campaign import Campaign, CampaignEvent, CampaignState, Change, extent_of
from tests.fakes.prompts import NOW
from tests.unit.test_core_campaigns import WINDOW, Life

FIXED = settings(derandomize=True, deadline=None, max_examples=60)
# (first account, accounts, family to join or -1 for a new one, days later)
SENT = st.tuples(
    st.sampled_from([1000, 1005, 1010, 1020, 1030, 1040]),
    st.integers(4, 14),
    st.integers(-1, 5),
    st.sampled_from([0, 0, 0, 1, 12]),
)
TICKS = st.lists(st.lists(SENT, max_size=3), max_size=7)


class Watched(Life):
    """A life whose events are kept, and checked against the book as they come."""

    def __init__(self) -> None:
        super().__init__()
        self.families: list[int] = []
        self.at = NOW
        self.told: dict[str, CampaignEvent] = {}

    def play(self, sent: list[tuple[int, int, int, int]]) -> None:
        for first, count, which, days in sent:
            self.at += days * WINDOW
            known = self.families[which % len(self.families)] if self.families else 0
            family = known if which >= 0 else 0
            family = self.send(range(first, first + count), self.at, family)
            self.families = list(dict.fromkeys([*self.families, family]))
        for event in self.tick():
            self.follow(event)

    def follow(self, event: CampaignEvent) -> None:
        before = self.told.get(event.campaign.campaign_id)
        if before is None:
            assert event.campaign.revision == 1
        else:
            assert event.change is not Change.OPENED
            assert event.campaign.revision == before.campaign.revision + 1
            assert event.campaign.first_reported_at == before.campaign.first_reported_at
            assert event.campaign.etag != before.campaign.etag
            assert before.campaign.state is not CampaignState.MERGED
            assert set(before.campaign.members) <= set(event.campaign.members)
        self.told[event.campaign.campaign_id] = event


def lives(book: CampaignBook) -> list[Campaign]:
    return [c for c in book.all() if c.state is not CampaignState.MERGED]


def check_book(book: CampaignBook, families: list[int]) -> None:
    owned = Counter(family for c in lives(book) for family in c.families)
    assert all(count == 1 for count in owned.values())
    assert all(book.is_reported(f) == (f in owned) for f in families)
    opened = [c for c in book.all() if c.state is CampaignState.OPEN]
    assert book.open_count() == len(opened)
    for account in range(1000, 1060):
        expected = {c.campaign_id for c in opened if account in c.members}
        assert set(book.check(account)) == expected
        assert len(book.check(account)) == len(expected)


def check_campaign(campaign: Campaign, book: CampaignBook) -> None:
    assert book.get(campaign.campaign_id) is campaign
    assert campaign.extent == extent_of(campaign.members.values())
    assert {e.family for e in campaign.evidence} <= set(campaign.families)
    assert all(account == m.account for account, m in campaign.members.items())
    target = book.get(campaign.merged_into)
    assert (target is not None) == (campaign.state is CampaignState.MERGED)
    if target is not None:
        assert target.first_reported_at <= campaign.first_reported_at
        assert set(campaign.families) <= set(target.families)
        assert set(campaign.members) <= set(target.members)


@FIXED
@given(TICKS)
def test_laws(ticks: list[list[tuple[int, int, int, int]]]) -> None:
    life = Watched()
    for sent in ticks:
        life.play(sent)
        check_book(life.book, life.families)
        for campaign in life.book.all():
            check_campaign(campaign, life.book)
    assert {i: e.campaign for i, e in life.told.items()} == {
        c.campaign_id: c for c in life.book.all()
    }


@FIXED
@given(TICKS)
def test_a_loaded_book_obeys_them_too(ticks: list[list[tuple[int, int, int, int]]]) -> None:
    life = Watched()
    for sent in ticks:
        life.play(sent)
    book = CampaignBook(CampaignRule(0.5, 10 * WINDOW), "gen")
    book.load(life.book.all())
    assert book.all() == life.book.all()
    check_book(book, life.families)


@FIXED
@given(TICKS)
def test_the_same_traffic_gives_the_same_campaigns(
    ticks: list[list[tuple[int, int, int, int]]],
) -> None:
    books = []
    for _ in range(2):
        life = Watched()
        for sent in ticks:
            life.play(sent)
        books.append(life.book.all())
    assert books[0] == books[1]


@FIXED
@given(TICKS)
def test_a_plan_leaves_the_book_alone(ticks: list[list[tuple[int, int, int, int]]]) -> None:
    life = Watched()
    for sent in ticks:
        life.play(sent)
    before = life.book.all()
    life.detector.test_again(life.families)
    findings = life.detector.tick(life.book.is_reported)
    first = life.book.plan(findings, life.detector, NOW + 10**9)
    assert life.book.plan(findings, life.detector, NOW + 10**9) == first
    assert life.book.all() == before
