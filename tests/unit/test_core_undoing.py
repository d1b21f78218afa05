"""Taking decisions back, and what the audit log says of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simsvc.domain.audit import AuditFilter
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
    a, b = desk.opened(range(1, 21)), desk.opened(range(30, 41))
    done = []
    for kind, number in steps:
        before = (set(desk.at(a).members), desk.at(a).review.verdict, desk.at(a).state,
                  desk.at(a).review.assignee, desk.at(b).state)  # fmt: skip
        try:
            await _step(desk, a, b, kind, number)
        except (NotNowError, InvalidError):
            continue
        done.append((desk.last(), before))
    for position, before in reversed(done):
        await desk.undo(a, position)
        now = (set(desk.at(a).members), desk.at(a).review.verdict, desk.at(a).state,
               desk.at(a).review.assignee, desk.at(b).state)  # fmt: skip
        assert now == before
    assert (await desk.log.verify()).broken == 0
    await core.stop()


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
