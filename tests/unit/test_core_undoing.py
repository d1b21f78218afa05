"""Taking decisions back, and what the audit log says of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simsvc.core.undoing import undo
from simsvc.domain.audit import AuditFilter
from simsvc.domain.campaign import CampaignState
from simsvc.domain.errors import (
    ForbiddenError,
    InvalidError,
    NotFoundError,
    NotNowError,
)
from simsvc.domain.review import Verdict
from tests.unit.helpers import Core
from tests.unit.review_desk import ANALYST, REVIEWER, VIRAL, Desk


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    core = Core()
    yield Desk(core)
    await core.stop()


async def test_analysts_take_back_only_what_they_said_themselves(desk: Desk) -> None:
    a = desk.opened(range(1, 21))
    await desk.reviews.comment(ANALYST, a, desk.etag(a), "looks odd")
    mine = desk.last()
    await desk.reviews.confirm(REVIEWER, a, desk.etag(a), "")
    theirs = desk.last()
    with pytest.raises(ForbiddenError):
        await desk.reviews.undo(ANALYST, a, desk.etag(a), theirs)
    await desk.reviews.undo(ANALYST, a, desk.etag(a), mine)
    with pytest.raises(NotNowError, match="undone already"):
        await desk.reviews.undo(REVIEWER, a, desk.etag(a), mine)


async def test_an_entry_of_another_campaign_is_not_found(desk: Desk) -> None:
    a, b = desk.opened(range(1, 12)), desk.opened(range(30, 41))
    await desk.reviews.comment(ANALYST, a, desk.etag(a), "x")
    for place in (desk.last(), 99):
        with pytest.raises(NotFoundError):
            await desk.reviews.undo(REVIEWER, b, desk.etag(b), place)


async def test_only_the_latest_judgement_can_be_undone(desk: Desk) -> None:
    a = desk.opened(range(1, 21))
    await desk.reviews.confirm(REVIEWER, a, desk.etag(a), "")
    first = desk.last()
    await desk.dismiss(a)
    page = await desk.log.reviews(a, 10, "")
    assert page.undoable == {desk.last()}
    with pytest.raises(NotNowError, match="judged again"):
        await desk.undo(a, first)
    await desk.undo(a)
    assert desk.at(a).review.verdict is Verdict.CONFIRMED
    page = await desk.log.reviews(a, 10, "")
    assert page.undoable == {first}


async def test_the_log_says_what_was_before_and_after(desk: Desk) -> None:
    a = desk.opened(range(1, 21))
    await desk.dismiss(a)
    await desk.undo(a)
    undone, dismissal = (await desk.log.page(AuditFilter(), 10, "")).entries
    assert dismissal.note.principal == "rita"
    assert '"verdict": "none"' in dismissal.note.before
    assert '"reason": "viral"' in dismissal.note.after
    assert dismissal.undone_by == undone.position
    assert (undone.note.before, undone.note.after) == (dismissal.note.after, dismissal.note.before)
    assert (await desk.log.verify()).broken == 0


async def test_undoing_a_merge_takes_the_other_review_back(desk: Desk) -> None:
    a, b = desk.opened(range(1, 21)), await _reviewed(desk)
    [c] = desk.at(b).review.apart
    await desk.reviews.merge(REVIEWER, a, desk.etag(a), [b], "")
    whole = desk.at(a).review
    assert (whole.assignee, whole.apart, len(whole.news)) == ("bob", {c}, 1)
    await desk.undo(a)
    review = desk.at(a).review
    assert (review.assignee, review.news, review.apart) == ("", (), {b})
    assert review.excluded == desk.at(b).members.keys()
    assert _seqs(desk, a) == {1, 2}
    await desk.reviews.merge(REVIEWER, a, desk.etag(a), [c], "")
    assert 31 in desk.at(a).members


async def test_undoing_a_merge_keeps_what_was_decided_since_and_before(desk: Desk) -> None:
    a, b = desk.opened(range(1, 21)), await _reviewed(desk)
    await desk.reviews.exclude(REVIEWER, a, desk.etag(a), "account-1", "")
    await desk.reviews.merge(REVIEWER, a, desk.etag(a), [b], "")
    merge = desk.last()
    await desk.reviews.assign(REVIEWER, a, desk.etag(a), "carol")
    await desk.reviews.exclude(REVIEWER, a, desk.etag(a), "account-2", "")
    await desk.undo(a, merge)
    review = desk.at(a).review
    assert review.assignee == "carol"
    assert review.excluded == {1, 2} | desk.at(b).members.keys()


async def test_a_merge_from_before_reviews_were_noted_is_undone(desk: Desk) -> None:
    a, b = desk.opened(range(1, 21)), await _reviewed(desk)
    await desk.reviews.merge(REVIEWER, a, desk.etag(a), [b], "")
    entry = desk.core.record.entries[-1]
    detail = json.loads(entry.note.detail)
    del detail["review"], detail["of_both"]
    old = replace(entry, note=replace(entry.note, detail=json.dumps(detail)))
    ruling = undo(desk.at(a), old, desk.book.get)
    [host, part] = (campaign for _, campaign in ruling.changes)
    assert (host.review.assignee, part.state) == ("bob", CampaignState.OPEN)


async def _reviewed(desk: Desk) -> str:
    """Return a campaign that bob confirmed; 30 is excluded, and 31 and 32 are split off."""
    b = desk.opened(range(30, 43))
    reviews = desk.reviews
    await reviews.assign(REVIEWER, b, desk.etag(b), "bob")
    await reviews.exclude(REVIEWER, b, desk.etag(b), "account-30", "")
    await reviews.split(REVIEWER, b, desk.etag(b), ["account-31", "account-32"], "")
    await reviews.confirm(REVIEWER, b, desk.etag(b), "")
    return b


def _seqs(desk: Desk, campaign_id: str) -> set[int]:
    return set(np.frombuffer(desk.at(campaign_id).source, "<i8").tolist())


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["assign", "confirm", "dismiss", "reopen", "exclude", "merge", "split"]),
        st.integers(1, 20),
    ),
    max_size=6,
)


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_undoing_everything_backwards_restores_what_was_judged(
    steps: list[tuple[str, int]],
) -> None:
    asyncio.run(_do_and_undo(steps))


async def _do_and_undo(steps: list[tuple[str, int]]) -> None:
    core = Core()
    desk = Desk(core)
    a, b = desk.opened(range(1, 21)), await _reviewed(desk)
    done = []
    for kind, number in steps:
        before = _standing(desk, a, b)
        try:
            await _step(desk, a, b, kind, number)
        except (NotNowError, InvalidError):
            continue
        done.append((desk.last(), before))
    for position, before in reversed(done):
        await desk.undo(a, position)
        assert _standing(desk, a, b) == before
    assert (await desk.log.verify()).broken == 0
    await core.stop()


def _standing(desk: Desk, a: str, b: str) -> tuple[object, ...]:
    """Return what undoing restores: all but the walls between the two."""
    mine, review = desk.at(a), desk.at(a).review
    return (set(mine.members), review.verdict, mine.state, review.assignee, review.news,
            review.excluded - desk.at(b).members.keys(), review.apart - {b}, mine.source,
            desk.at(b).state)  # fmt: skip


async def _step(desk: Desk, a: str, b: str, kind: str, number: int) -> None:
    etag, reviews = desk.etag(a), desk.reviews
    match kind:
        case "assign":
            await reviews.assign(REVIEWER, a, etag, f"person-{number}")
        case "confirm":
            await reviews.confirm(REVIEWER, a, etag, "")
        case "dismiss":
            await reviews.dismiss(REVIEWER, a, etag, VIRAL, "")
        case "reopen":
            await reviews.reopen(REVIEWER, a, etag, "")
        case "exclude":
            await reviews.exclude(REVIEWER, a, etag, f"account-{number}", "")
        case "merge":
            await reviews.merge(REVIEWER, a, etag, [b], "")
        case "split":
            few = [f"account-{number}", f"account-{number % 20 + 1}"]
            await reviews.split(REVIEWER, a, etag, few, "")
