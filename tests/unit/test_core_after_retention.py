"""Campaigns and counts when some of their prompts are gone from the record."""

from __future__ import annotations

import pytest

from simsvc.core.campaigns import CampaignBook, CampaignRule
from simsvc.core.sightings import Family, Sighting
from simsvc.domain.campaign import CampaignEvent, Change
from tests.fakes.prompts import HOUR, NOW
from tests.unit.helpers import family_detector
from tests.unit.test_core_campaigns import RULE, WINDOW, Life


class Recorded(Life):
    """A life that can be restarted from the prompts that retention has left."""

    def __init__(self) -> None:
        self.kept: list[Sighting] = []
        super().__init__()

    def _see(self, account: int, at: int, family: int) -> int:
        seq = super()._see(account, at, family)
        self.kept.append(Sighting(seq, account, account, at, family, seq.to_bytes(16, "big")))
        return seq

    def restart(self, cutoff: int) -> list[CampaignEvent]:
        """Start anew without the prompts before `cutoff`, and return what the first tick tells."""
        book = CampaignBook(CampaignRule(0.5, 10 * WINDOW), "gen")
        book.load(self.book.all())
        self.book, self.detector = book, family_detector(RULE)
        self.detector.observe(s for s in self.kept if s.observed_at >= cutoff)
        self.book.settle(self.detector)
        return self.tick()


def test_no_account_leaves_a_campaign_with_its_prompts() -> None:
    life = Recorded()
    family = life.send(range(1000, 1010))
    life.tick()
    late = NOW + 2 * WINDOW
    life.send([*range(1000, 1005), *range(1010, 1015)], at=late, family=family)
    [grew] = life.tick()
    life.detector.forget(NOW + WINDOW)
    life.send([1020], at=late, family=family)
    [later] = life.tick()
    assert (grew.campaign.extent.accounts, later.campaign.extent.accounts) == (15, 16)
    assert set(grew.campaign.members) < set(later.campaign.members)


def test_a_merge_keeps_members_whose_prompts_are_gone() -> None:
    life = Recorded()
    life.send(range(1000, 1010))
    life.tick()
    life.send(range(2000, 2010))
    life.tick()
    late = NOW + 2 * WINDOW
    life.detector.forget(NOW + WINDOW)
    life.send([*range(1000, 1010), *range(2000, 2005)], at=late)
    grown = next(e.campaign for e in life.tick() if e.change is Change.GREW)
    assert set(grown.members) == {*range(1000, 1010), *range(2000, 2010)}
    assert life.book.check(2009) == (grown.campaign_id,)


def lone(first: int, count: int, at: int) -> list[Sighting]:
    return [
        Sighting(seq, seq, seq, at, 0, seq.to_bytes(16, "big"))
        for seq in range(first, first + count)
    ]


@pytest.mark.parametrize("kept", [True, False])
def test_what_is_ordinary_after_a_leader_went(kept: bool) -> None:
    old, late = NOW - 100 * HOUR, NOW
    leader = Sighting(1, 1, 1, late if kept else old, 0, b"l" * 16)
    members = [Sighting(s, s, s, late, 1, bytes([s]) * 16) for s in range(100, 110)]
    tested = [Sighting(s, s, s, late, 50, bytes([s]) * 16) for s in range(200, 206)]
    live, restarted = family_detector(RULE), family_detector(RULE)
    batch = [leader, *lone(2, 5, old), *lone(20, 40, late), *members, *tested]
    live.observe(batch)
    live.forget(NOW - HOUR)
    restarted.observe(s for s in batch if s.observed_at >= NOW - HOUR)
    findings = [d.tick(lambda key: key == 50) for d in (live, restarted)]
    one, two = (next(f for f in found if f.family == 50).evidence[0] for found in findings)
    assert (one.expected, one.log_p) == pytest.approx((two.expected, two.log_p))


def test_a_restart_is_no_news_of_a_campaign_that_retention_shrank() -> None:
    life = Recorded()
    family = life.send(range(1000, 1010))
    life.tick()
    life.send(range(1000, 1010), at=NOW + WINDOW, family=family)
    life.tick()
    assert life.restart(NOW + 1) == []


def test_a_restart_is_no_news_of_a_quiet_campaign_that_retention_shrank() -> None:
    life = Recorded()
    family = life.send(range(1000, 1010))
    life.tick()
    life.send(range(1000, 1010), at=NOW + WINDOW, family=family)
    life.tick()
    life.send([1], at=NOW + 12 * WINDOW)
    [quieted] = life.tick()
    assert quieted.change is Change.QUIETED
    assert [e.change for e in life.restart(NOW + 1)] == []


def test_old_wordings_do_not_make_a_copied_prompt_varied() -> None:
    family = Family()
    for seq in range(1, 101):
        family.add(Sighting(seq, seq, seq, NOW, 1, seq.to_bytes(16, "big")))
    for seq in range(101, 141):
        family.add(Sighting(seq, seq, seq, NOW + HOUR, 1, b"copied text here"))
    assert family.text_share() == pytest.approx(101 / 140)
    family.forget(NOW + 1)
    assert (family.text_share(), family.prompts) == (1 / 40, 40)
