"""What a restart, a merge and many families do to campaigns."""

from __future__ import annotations

from simsvc.core.campaigns import CampaignBook, CampaignRule
from simsvc.domain.campaign import CampaignEvent, CampaignState, Change
from tests.fakes.prompts import NOW
from tests.unit.test_core_campaigns import WINDOW, Life


def loaded(life: Life) -> CampaignBook:
    book = CampaignBook(CampaignRule(0.5, 10 * WINDOW), "gen")
    book.load(life.book.all())
    return book


def restarted(life: Life) -> list[CampaignEvent]:
    """Return what the first tick after a restart plans: it tests every family."""
    book = loaded(life)
    life.detector.test_again([f for c in book.all() for f in c.families])
    return book.plan(life.detector.tick(book.is_reported), life.detector, NOW + 10**6)


def test_counts_are_over_all_families() -> None:
    life = Life()
    life.send(range(1000, 1020))
    life.tick()
    second = life.send(range(1000, 1020))
    life.send([1003, 1003], family=second)
    [grew] = life.tick()
    members = grew.campaign.members
    assert (members[1000].prompts, members[1003].prompts) == (2, 4)
    assert grew.campaign.extent.prompts == sum(m.prompts for m in members.values()) == 42
    assert grew.campaign.extent.accounts == grew.campaign.extent.actors == 20


def test_one_event_and_one_revision_a_tick() -> None:
    life = Life()
    family = life.send(range(1000, 1020))
    life.send(range(1000, 1020))
    life.send(range(1000, 1020))
    [opened] = life.tick()
    assert (opened.change, opened.campaign.revision) == (Change.OPENED, 1)
    assert len(opened.campaign.families) == 3
    life.send([1500], family=family)
    life.send(range(1000, 1020))
    [grew] = life.tick()
    assert (grew.change, grew.campaign.revision) == (Change.GREW, 2)
    assert grew.campaign.etag == f"{opened.campaign.campaign_id}.2"
    assert grew.at == grew.campaign.updated_at > opened.campaign.updated_at


def test_a_merge_counts_one_revision_in_both() -> None:
    life = Life()
    for start in (1000, 2000):
        life.send(range(start, start + 10))
        life.tick()
    life.send([*range(1000, 1010), *range(2000, 2010)])
    assert [e.campaign.revision for e in life.tick()] == [2, 2]
    [old] = [c for c in life.book.all() if c.state is CampaignState.MERGED]
    assert set(life.book.of_account(2000)) == {old.merged_into, old.campaign_id}
    assert life.book.open_count() == 1
    assert restarted(life) == []


def test_the_same_traffic_gives_the_same_ids() -> None:
    ids = []
    for _ in range(2):
        life = Life()
        life.send(range(1000, 1020))
        life.send(range(2000, 2020))
        ids.append([e.campaign.campaign_id for e in life.tick()])
    assert ids[0] == ids[1]


def test_who_is_unknown_is_in_nothing() -> None:
    book = CampaignBook(CampaignRule(0.5, WINDOW), "gen")
    assert (book.check(1), book.get("x"), book.all(), book.of_account(1)) == ((), None, [], [])
    assert not book.is_reported(1)


def overlapping_family(life: Life) -> int:
    """Make two campaigns, and let the younger one's family grow into the older one."""
    life.send(range(1000, 1010))
    life.tick()
    younger = life.send(range(2000, 2010))
    life.tick()
    life.send(range(1000, 1010), family=younger)
    return younger


def test_a_family_that_grows_into_another_campaign_merges() -> None:
    life = Life()
    younger = overlapping_family(life)
    events = {e.change: e.campaign for e in life.tick()}
    assert set(events) == {Change.GREW, Change.MERGED}
    assert events[Change.GREW].first_reported_at < events[Change.MERGED].first_reported_at
    assert younger in events[Change.GREW].families
    assert events[Change.GREW].members[1000].prompts == 2


def test_a_merge_states_each_claim_once() -> None:
    life = Life()
    younger = overlapping_family(life)
    [grown] = [e.campaign for e in life.tick() if e.change is Change.GREW]
    claims = [e.value for e in grown.evidence if (e.family, e.signal[:4]) == (younger, "near")]
    assert claims == [20.0]


def test_a_restart_is_no_news_of_quiet_campaigns() -> None:
    life = Life()
    life.send(range(1000, 1010))
    life.tick()
    life.send([1], at=NOW + 11 * WINDOW)
    [quieted] = life.tick()
    assert quieted.change is Change.QUIETED
    assert restarted(life) == []


def test_an_account_in_two_campaigns_is_told_the_same_after_a_restart() -> None:
    life = Life()
    life.send(range(1000, 1010))
    life.tick()
    life.send([1000, *range(2000, 2010)])
    life.tick()
    assert len(life.book.check(1000)) == 2
    assert loaded(life).check(1000) == life.book.check(1000)


def test_counts_are_of_prompts_that_are_kept() -> None:
    life = Life()
    life.send(range(1000, 1020))
    life.tick()
    late = NOW + 2 * WINDOW
    second = life.send(range(1000, 1020), at=late)
    [grew] = life.tick()
    assert grew.campaign.members[1000].prompts == 2
    life.detector.forget(NOW + WINDOW)
    life.send([1000], at=late, family=second)
    [grew] = life.tick()
    # The first family's prompt is gone, as it is from the record.
    assert grew.campaign.members[1000].prompts == 2
    assert grew.campaign.extent.accounts == 20
