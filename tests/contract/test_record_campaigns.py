"""Campaigns, their events and look-ups in the record."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simsvc.domain.audit import AuditNote
from simsvc.domain.campaign import (
    Campaign,
    CampaignEvent,
    CampaignState,
    Change,
    Evidence,
    Member,
    extent_of,
)
from simsvc.domain.review import Review
from simsvc.ports.record import Record
from tests.contract.support import fill
from tests.fakes.prompts import NOW


def campaign(name: str, at: int = NOW, members: int = 2, **changed) -> Campaign:
    parts = {i: Member(i, -i if i % 2 else i, NOW - i, NOW + i, i) for i in range(1, members + 1)}
    evidence = (
        Evidence(
            "popularity", "40 accounts, 2.5 expected — “ü” \u2028", 40.0, 2.5, -61.75, 7, (7, 9)
        ),
        Evidence("share", "", 1.0, 0.1, -1e-300, 8, ()),
    )
    made = Campaign(
        f"cmp_{name}",
        CampaignState.OPEN,
        NOW,
        at,
        (7, 8),
        evidence,
        extent_of(parts.values()),
        parts,
    )
    return replace(made, **changed)


def opened(one: Campaign) -> CampaignEvent:
    return CampaignEvent(Change.OPENED, one, one.updated_at)


def test_old_changes_go_but_for_the_last_of_each_campaign(record: Record) -> None:
    assert record.purge_changes(NOW + 100) == 0
    grown = [
        CampaignEvent(Change.GREW, campaign(name, NOW + i), NOW + i)
        for i, name in enumerate(["a", "a", "b", "a", "b"])
    ]
    record.save_campaigns(grown)
    assert record.purge_changes(NOW) == 0
    assert record.purge_changes(NOW + 4, most=1) == 1
    assert record.purge_changes(NOW + 4) == 2
    assert record.purge_changes(NOW + 100) == 0
    left = record.campaign_events(0, 10)
    assert [(e.position, e.campaign.campaign_id) for e in left] == [(4, "cmp_a"), (5, "cmp_b")]
    assert len(record.campaigns()) == 2
    [new] = record.save_campaigns([opened(campaign("c"))])
    assert new.position == record.last_position() == 6


def test_an_empty_record_has_no_campaigns(record: Record) -> None:
    assert record.campaigns() == []
    assert record.campaigns(CampaignState.OPEN) == []
    assert record.campaign_events(0, 10) == []
    assert record.save_campaigns([]) == []


def test_a_campaign_comes_back_as_it_was_saved(record: Record) -> None:
    one = campaign("a", merged_into="cmp_ü", revision=3)
    record.save_campaigns([opened(one)])
    [read] = record.campaigns()
    assert read == one
    assert isinstance(read.state, CampaignState)
    assert all(isinstance(e.seqs, tuple) for e in read.evidence)
    assert isinstance(read.families, tuple)


def test_a_campaign_without_evidence_or_families_comes_back(record: Record) -> None:
    one = campaign("a", evidence=(), families=())
    record.save_campaigns([opened(one)])
    assert record.campaigns() == [one]


def test_a_change_replaces_the_campaign_and_its_members(record: Record) -> None:
    before = campaign("a", members=4)
    after = campaign("a", at=NOW + 1, members=2, state=CampaignState.QUIET, revision=2)
    record.save_campaigns([opened(before)])
    record.save_campaigns([CampaignEvent(Change.QUIETED, after, NOW + 1)])
    assert record.campaigns() == [after]


def test_campaigns_come_by_their_latest_update(record: Record) -> None:
    made = [campaign(name, at) for name, at in [("c", NOW), ("a", NOW + 2), ("b", NOW)]]
    record.save_campaigns([opened(one) for one in made])
    assert [c.campaign_id for c in record.campaigns()] == ["cmp_a", "cmp_b", "cmp_c"]


@pytest.mark.parametrize("state", list(CampaignState))
def test_campaigns_of_a_state(record: Record, state: CampaignState) -> None:
    made = {s: campaign(s.name, state=s, members=s) for s in CampaignState}
    record.save_campaigns([opened(one) for one in made.values()])
    assert record.campaigns(state) == [made[state]]


def test_an_account_may_be_in_many_campaigns(record: Record) -> None:
    made = [campaign("a", members=3), campaign("b", members=3)]
    record.save_campaigns([opened(one) for one in made])
    assert record.campaigns() == made


def test_events_are_numbered_and_come_in_order(record: Record) -> None:
    one, other = campaign("a"), campaign("b")
    grown = campaign("a", at=NOW + 1, members=3, revision=2)
    events = [opened(one), opened(other), CampaignEvent(Change.GREW, grown, NOW + 1)]
    saved = record.save_campaigns(events[:2]) + record.save_campaigns(events[2:])
    positions = [event.position for event in saved]
    assert positions == sorted(set(positions))
    assert positions[0] > 0
    assert [replace(event, position=0) for event in saved] == events
    # Read back, an event tells the campaign as it was, without members.
    bare = [replace(e, campaign=replace(e.campaign, members={})) for e in saved]
    assert record.campaign_events(0, 10) == bare


def test_an_event_does_not_hold_who_is_excluded(record: Record) -> None:
    one = campaign("a", review=Review(excluded=frozenset({1, 2}), assignee="ben"))
    record.save_campaigns([opened(one)])
    [event] = record.campaign_events(0, 10)
    assert event.campaign.review == Review(assignee="ben")
    assert record.campaigns() == [one]


def test_events_after_a_position_up_to_a_limit(record: Record) -> None:
    made = [opened(campaign(str(i))) for i in range(5)]
    places = [event.position for event in record.save_campaigns(made)]
    read = [event.position for event in record.campaign_events(places[1], 2)]
    assert read == places[2:4]
    assert [event.position for event in record.campaign_events(places[3], 10)] == places[4:]
    assert record.campaign_events(places[4], 10) == []


def test_two_changes_of_one_campaign_in_one_call(record: Record) -> None:
    one, after = campaign("a"), campaign("a", members=5, revision=2)
    record.save_campaigns([opened(one), CampaignEvent(Change.GREW, after, NOW)])
    assert record.campaigns() == [after]
    assert [e.campaign.revision for e in record.campaign_events(0, 10)] == [1, 2]


def test_a_purge_keeps_campaigns(record: Record) -> None:
    fill(record, ["a"])
    [saved] = record.save_campaigns([opened(campaign("a"))])
    record.purge(NOW * 2)
    assert [c.campaign_id for c in record.campaigns()] == ["cmp_a"]
    assert len(record.campaign_events(0, 10)) == 1
    [later] = record.save_campaigns([opened(campaign("b"))])
    assert later.position > saved.position


def test_look_ups_are_taken_and_writing_is_possible(record: Record) -> None:
    record.append_audit([AuditNote(NOW, "anna", "search", "acct_1")])
    record.append_audit([AuditNote(NOW, "anna", "list", s) for s in ("a", "", "ü\u2028")])
    record.check_writable()
    record.check_writable()
    # Neither leaves a trace in what is read.
    assert record.last_seq() == 0
    assert record.allot(1) == 1
