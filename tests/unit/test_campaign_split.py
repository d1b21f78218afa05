"""A part of a campaign that goes its own way gets an id of its own and remembers the old one."""

from __future__ import annotations

from simsvc.core.campaigns import CampaignBook, CampaignRule
from simsvc.core.detection import Finding
from simsvc.domain.campaign import CampaignEvent, CampaignState, Change, Member
from simsvc.domain.verdict import Confidence
from tests.fakes.prompts import NOW
from tests.unit.detector_world import DAY, Traffic, members_of
from tests.unit.helpers import FAMILIES, family_detector

DETECTOR = family_detector(FAMILIES)


def about(accounts: range) -> Finding:
    members = tuple(
        Member(a, a, NOW, NOW, 3, probability=0.9, reasons=("asks for the set",)) for a in accounts
    )
    return Finding(accounts[0], 0, (), members, Confidence.HIGH, ("partition",), None, (), ())


def tick(book: CampaignBook, now: int, *findings: Finding) -> list[CampaignEvent]:
    events = book.plan(findings, DETECTOR, now)
    book.apply(events)
    return events


def book() -> CampaignBook:
    return CampaignBook(CampaignRule(overlap=0.5, quiet_after=10**15), "gen")


def test_two_groups_where_one_was_are_a_split() -> None:
    held = book()
    [opened] = tick(held, NOW, about(range(40)))
    grew, split = tick(held, NOW + 1, about(range(20)), about(range(20, 40)))
    assert (opened.change, grew.change, split.change) == (
        Change.OPENED, Change.GREW, Change.SPLIT,
    )  # fmt: skip
    assert grew.campaign.campaign_id == opened.campaign.campaign_id
    assert split.campaign.campaign_id != opened.campaign.campaign_id
    assert split.campaign.split_from == opened.campaign.campaign_id
    assert set(grew.campaign.members) == set(range(20))
    assert set(split.campaign.members) == set(range(20, 40))


def test_after_a_split_each_part_grows_under_its_own_id() -> None:
    held = book()
    tick(held, NOW, about(range(40)))
    grew, split = tick(held, NOW + 1, about(range(20)), about(range(20, 40)))
    later = tick(held, NOW + 2, about(range(22, 44)), about(range(19)))
    ids = {e.campaign.campaign_id: set(e.campaign.members) for e in later}
    assert ids == {
        grew.campaign.campaign_id: set(range(19)),
        split.campaign.campaign_id: set(range(22, 44)),
    }
    assert {e.change for e in later} == {Change.GREW}


def test_two_findings_with_the_same_accounts_are_no_split() -> None:
    held = book()
    tick(held, NOW, about(range(40)))
    events = tick(held, NOW + 1, about(range(30)), about(range(10, 40)))
    assert [e.change for e in events] == [Change.GREW]
    assert len(events[0].campaign.members) == 40


def test_parts_that_come_together_again_are_merged() -> None:
    held = book()
    tick(held, NOW, about(range(40)))
    tick(held, NOW + 1, about(range(20)), about(range(20, 40)))
    events = tick(held, NOW + 2, about(range(40)))
    merged = [e.campaign for e in events if e.change is Change.MERGED]
    [kept] = [e.campaign for e in events if e.change is Change.GREW]
    assert [(c.state, c.merged_into) for c in merged] == [(CampaignState.MERGED, kept.campaign_id)]
    assert set(kept.members) == set(range(40))


def test_one_pool_that_is_given_two_sets_is_told_apart_when_they_part() -> None:
    """Found in traffic: one campaign, whose halves go on with sets of their own."""
    traffic = Traffic(3)
    traffic.organic(150)
    first = traffic.campaign(traffic.data_set(240), 20, 8)
    second = traffic.campaign(traffic.data_set(240), 20, 8)
    held = book()
    [opened] = tick(held, NOW, about(range(min(first), max(second) + 1)))
    findings = [f for f in traffic.findings() if f.confidence is Confidence.HIGH]
    assert len(findings) == 2
    changes = {e.change: e.campaign for e in tick(held, NOW + int(DAY * 1e6), *findings)}
    assert changes[Change.SPLIT].split_from == opened.campaign.campaign_id
    parts = [set(first), set(second)]
    for finding in findings:
        assert max(len(members_of(finding) & part) for part in parts) >= 18
