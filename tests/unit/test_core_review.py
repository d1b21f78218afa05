"""Decisions about campaigns, and what the detector makes of them afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from simsvc.core.detection import Finding
from simsvc.domain.campaign import CampaignState, Change
from simsvc.domain.errors import (
    InvalidError,
    NotFoundError,
    NotNowError,
    ReviewedMeanwhileError,
)
from simsvc.domain.review import DismissalReason, Verdict
from simsvc.domain.verdict import Confidence
from tests.unit.helpers import Core, NoSnapshots
from tests.unit.review_desk import ANALYST, REVIEWER, TWINS, VIRAL, Desk, about, judged


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    core = Core()
    yield Desk(core)
    await core.stop()


async def test_a_decision_on_what_has_changed_is_refused(desk: Desk) -> None:
    a = desk.opened(range(1, 21))
    seen = desk.etag(a)
    await desk.reviews.assign(ANALYST, a, seen, "ben")
    with pytest.raises(ReviewedMeanwhileError):
        await desk.reviews.confirm(REVIEWER, a, seen, "")
    assert desk.at(a).review.verdict is Verdict.NONE
    desk.find(about(range(1, 26)))
    await desk.reviews.confirm(REVIEWER, a, desk.etag(a), "sure")
    assert desk.at(a).review.verdict is Verdict.CONFIRMED


async def test_what_the_detector_finds_does_not_stand_in_a_reviewers_way(desk: Desk) -> None:
    a = desk.opened(range(1, 21))
    seen = desk.etag(a)
    desk.find(about(range(1, 30)))
    await desk.reviews.confirm(REVIEWER, a, seen, "")
    assert len(desk.at(a).members) == 29


async def test_two_who_decide_at_once_do_not_overwrite_each_other(desk: Desk) -> None:
    a = desk.opened(range(1, 21))
    seen = desk.etag(a)
    results = await asyncio.gather(
        desk.reviews.confirm(REVIEWER, a, seen, ""),
        desk.reviews.dismiss(REVIEWER, a, seen, VIRAL, ""),
        return_exceptions=True,
    )
    assert [type(r) for r in results].count(ReviewedMeanwhileError) == 1
    assert len(desk.core.record.notes) == 1


async def test_a_dismissed_campaign_is_told_to_no_backend(desk: Desk) -> None:
    a = desk.opened(range(1, 21))
    assert desk.core.membership.check("account-3") == (a,)
    await desk.dismiss(a)
    assert desk.core.membership.check("account-3") == ()
    assert (desk.at(a).state, desk.book.open_count()) == (CampaignState.DISMISSED, 0)
    [event] = [e for e in desk.core.record.campaign_events(0, 10) if e.change is Change.DISMISSED]
    assert event.campaign.review.reason is VIRAL
    await desk.undo(a)
    assert desk.core.membership.check("account-3") == (a,)


async def test_it_does_not_come_back_with_more_of_the_same(desk: Desk) -> None:
    a = desk.opened(range(1, 21))
    await desk.dismiss(a)
    before = desk.at(a)
    assert desk.find(about(range(1, 21))) == []
    assert desk.find(about(range(5, 28))) == []
    assert desk.find(about(range(1, 15))) == []
    assert desk.at(a) == before
    assert len(desk.book.all()) == 1


@pytest.mark.parametrize(
    ("finding", "word"),
    [
        (about(range(1, 32)), "11 accounts have joined the 20"),
        (
            about(range(1, 21), (TWINS, replace(TWINS, signal="schedule", description="a clock"))),
            "new kind of evidence, schedule: a clock",
        ),
        (about(range(1, 21), confidence=Confidence.HIGH), "now of high confidence; it was medium"),
    ],
)
async def test_it_comes_back_with_new_evidence_and_says_which(
    desk: Desk, finding: Finding, word: str
) -> None:
    a = desk.opened(range(1, 21))
    await desk.reviews.assign(REVIEWER, a, desk.etag(a), "ben")
    await desk.dismiss(a)
    stale = desk.etag(a)
    [event] = desk.find(finding)
    assert (event.change, event.campaign.campaign_id) == (Change.REOPENED, a)
    review = event.campaign.review
    assert (review.verdict, review.assignee) == (Verdict.NONE, "ben")
    assert any(word in told for told in review.news)
    with pytest.raises(ReviewedMeanwhileError):
        await desk.reviews.reopen(REVIEWER, a, stale, "")


async def test_its_return_is_in_the_audit_log(desk: Desk) -> None:
    core = desk.core
    a = desk.opened(range(1, 21))
    await desk.dismiss(a)
    lifecycle = core.make_lifecycle(NoSnapshots())
    core.detector.tick = lambda *_: [about(range(1, 40))]  # type: ignore[method-assign]
    assert lifecycle.tick() == 1
    note = core.record.notes[-1]
    assert (note.principal, note.action, note.campaign_id) == ("(detector)", "return", a)
    assert "19 accounts have joined" in note.comment
    page = await desk.log.reviews(a, 10, "")
    assert page.undoable == frozenset()


async def test_a_signal_that_chance_explains_is_no_news(desk: Desk) -> None:
    a = desk.opened(range(1, 21))
    await desk.dismiss(a)
    weak = replace(TWINS, signal="schedule", log_p=-5.0)
    assert desk.find(about(range(1, 21), (TWINS, weak))) == []
    assert desk.at(a).state is CampaignState.DISMISSED


async def test_an_excluded_account_does_not_come_back(desk: Desk) -> None:
    a = desk.opened(range(1, 21))
    await desk.reviews.exclude(REVIEWER, a, desk.etag(a), "account-7", "our own tests")
    assert 7 not in desk.at(a).members
    assert desk.core.membership.check("account-7") == ()
    desk.find(about(range(1, 26)))
    assert set(desk.at(a).members) == set(range(1, 26)) - {7}
    note = desk.core.record.notes[-1]
    assert note.subject.startswith("acct_")
    assert "account-7" not in str(note)
    await desk.undo(a)
    assert desk.core.membership.check("account-7") == (a,)


async def test_an_account_that_is_no_member_cannot_be_excluded(desk: Desk) -> None:
    a = desk.opened(range(1, 21))
    for stranger in ("account-40", "never seen"):
        with pytest.raises(InvalidError, match="account_id"):
            await desk.reviews.exclude(REVIEWER, a, desk.etag(a), stranger, "")


async def test_merged_campaigns_grow_as_one_and_come_apart_again(desk: Desk) -> None:
    a, b = desk.opened(range(1, 21)), desk.opened(range(30, 41))
    before = judged(desk.at(a))[2], judged(desk.at(b))[2]
    await desk.reviews.merge(REVIEWER, a, desk.etag(a), [b], "one operator")
    assert set(desk.at(a).members) == {*range(1, 21), *range(30, 41)}
    assert (desk.at(b).state, desk.at(b).merged_into) == (CampaignState.MERGED, a)
    assert desk.core.membership.check("account-33") == (a,)
    await desk.undo(a)
    assert (judged(desk.at(a))[2], judged(desk.at(b))[2]) == before
    assert desk.at(b).state is CampaignState.OPEN
    # The detector would take them for one; the reviewer knows better.
    desk.find(about(range(1, 41)))
    assert not set(desk.at(a).members) & set(range(30, 41))
    assert set(desk.at(b).members) == set(range(30, 41))


async def test_what_is_split_off_stays_apart_until_it_is_undone(desk: Desk) -> None:
    a = desk.opened(range(1, 31))
    b = await desk.reviews.split(
        REVIEWER, a, desk.etag(a), [f"account-{i}" for i in range(1, 11)], "two groups"
    )
    assert set(desk.at(b).members) == set(range(1, 11))
    assert (desk.at(b).split_from, desk.at(b).state) == (a, CampaignState.OPEN)
    desk.find(about(range(1, 36)))
    assert set(desk.at(a).members) == set(range(11, 36))
    assert set(desk.at(b).members) == set(range(1, 11))
    await desk.undo(a)
    assert set(desk.at(a).members) == set(range(1, 36))
    assert desk.at(b).merged_into == a


async def test_splits_that_leave_nobody_or_name_strangers_are_refused(desk: Desk) -> None:
    a = desk.opened(range(1, 12))
    everybody = [f"account-{i}" for i in range(1, 12)]
    with pytest.raises(InvalidError, match="account_ids: leaves nobody behind"):
        await desk.reviews.split(REVIEWER, a, desk.etag(a), everybody, "")
    with pytest.raises(InvalidError, match=r"account_ids\[1\]"):
        await desk.reviews.split(REVIEWER, a, desk.etag(a), ["account-1", "account-50"], "")


async def test_merging_with_itself_or_nothing_is_refused(desk: Desk) -> None:
    a, b = desk.opened(range(1, 12)), desk.opened(range(30, 41))
    for wrong in ([a], [b, b], ["cmp_none"]):
        with pytest.raises(InvalidError, match="merged_campaign_ids"):
            await desk.reviews.merge(REVIEWER, a, desk.etag(a), wrong, "")
    await desk.reviews.merge(REVIEWER, a, desk.etag(a), [b], "")
    with pytest.raises(NotNowError, match=a):
        await desk.reviews.confirm(REVIEWER, b, desk.etag(b), "")


async def test_decisions_that_change_nothing_are_refused(desk: Desk) -> None:
    a = desk.opened(range(1, 21))
    with pytest.raises(NotNowError):
        await desk.reviews.reopen(REVIEWER, a, desk.etag(a), "")
    with pytest.raises(InvalidError, match="comment"):
        await desk.reviews.dismiss(REVIEWER, a, desk.etag(a), DismissalReason.OTHER, " ")
    await desk.reviews.confirm(REVIEWER, a, desk.etag(a), "")
    with pytest.raises(NotNowError):
        await desk.reviews.confirm(REVIEWER, a, desk.etag(a), "")
    with pytest.raises(NotFoundError):
        await desk.reviews.confirm(REVIEWER, "cmp_none", "", "")
    assert len(desk.core.record.notes) == 1
