"""Campaigns that were found against those recorded."""

from __future__ import annotations

from collections.abc import Iterable

from indexer.detecting.compare import compare
from simsvc.domain.campaign import Campaign, CampaignState, Member, extent_of
from simsvc.record.reading import Window

WHOLE = Window(None, None, 1, 100, 100)


def campaign(
    name: str,
    accounts: Iterable[int],
    seen: tuple[int, int] = (10, 20),
    state: CampaignState = CampaignState.OPEN,
) -> Campaign:
    members = {a: Member(a, a, *seen, 1) for a in accounts}
    return Campaign(name, state, 0, 0, (), (), extent_of(members.values()), members)


def test_a_campaign_is_found_again_by_its_accounts_whatever_its_name() -> None:
    found = [campaign("x", range(10)), campaign("y", range(50, 60))]
    known = [campaign("a", range(2, 12)), campaign("y", range(80, 90))]
    made = compare(found, known, WHOLE, 0.5)
    [pair] = made.again
    assert (pair.found.campaign_id, pair.recorded.campaign_id) == ("x", "a")
    assert (pair.shared, pair.overlap) == (8, 0.8)
    assert [c.campaign_id for c in made.new] == ["y"]
    assert [c.campaign_id for c in made.vanished] == ["y"]


def test_each_has_one_counterpart_at_the_most() -> None:
    found = [campaign("x", range(10)), campaign("y", range(10))]
    made = compare(found, [campaign("a", range(10))], WHOLE, 0.5)
    assert [p.found.campaign_id for p in made.again] == ["x"]
    assert [c.campaign_id for c in made.new] == ["y"]


def test_too_few_shared_accounts_are_no_match() -> None:
    made = compare([campaign("x", range(10))], [campaign("a", range(6, 16))], WHOLE, 0.5)
    assert (made.again, len(made.new), len(made.vanished)) == ([], 1, 1)


def test_what_was_merged_or_lies_outside_the_window_has_not_vanished() -> None:
    window = Window(15, 30, 1, 100, 100)
    known = [
        campaign("merged", range(10), state=CampaignState.MERGED),
        campaign("before", range(10), seen=(1, 14)),
        campaign("after", range(10), seen=(30, 40)),
        campaign("inside", range(10), seen=(1, 15)),
    ]
    assert [c.campaign_id for c in compare([], known, window, 0.5).vanished] == ["inside"]
