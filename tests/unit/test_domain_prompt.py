"""A prompt's views, its prefix as one text, and what its digest stands for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simsvc.domain.prompt import Message, Prompt, Role, views_of
from tests.fakes.prompts import NOW

FIXED = settings(derandomize=True, deadline=None)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
MESSAGES = st.lists(st.builds(Message, st.sampled_from(Role), TEXT), max_size=6).map(tuple)
USER = Message(Role.USER, "question")
PROMPT = Prompt("r", "a", NOW, (USER,), organization_id="o")


@FIXED
@given(MESSAGES, TEXT, MESSAGES)
def test_views(before: tuple[Message, ...], payload: str, after: tuple[Message, ...]) -> None:
    after = tuple(m for m in after if m.role is not Role.USER)
    messages = (*before, Message(Role.USER, payload), *after)
    views = views_of(messages)
    assert (views.payload, views.prefix) == (payload, before)
    frame = [m.content for m in messages if m.role in (Role.SYSTEM, Role.DEVELOPER)]
    assert views.frame == "\n\n".join(frame)


def test_views_need_a_user() -> None:
    with pytest.raises(ValueError, match="empty"):
        views_of((Message(Role.SYSTEM, "x"),))


@pytest.mark.parametrize(
    "change",
    [
        {"request_id": "other"},
        {"observed_at": 0},
        {"model": "m"},
        {"attributes": {"network": "n"}},
    ],
)
def test_a_retry_may_change(change: dict[str, object]) -> None:
    assert replace(PROMPT, **change).digest() == PROMPT.digest()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [
        {"account_id": "b"},
        {"organization_id": ""},
        {"account_id": "ao", "organization_id": ""},
        {"messages": (USER, USER)},
        {"messages": (Message(Role.ASSISTANT, "question"),)},
        {"messages": (Message(Role.USER, "question "),)},
    ],
)
def test_a_retry_may_not_change(change: dict[str, object]) -> None:
    assert replace(PROMPT, **change).digest() != PROMPT.digest()  # type: ignore[arg-type]


@FIXED
@given(TEXT, TEXT, TEXT, TEXT)
def test_ids_do_not_run_into_each_other(a: str, b: str, c: str, d: str) -> None:
    one = replace(PROMPT, account_id=a, organization_id=b)
    two = replace(PROMPT, account_id=c, organization_id=d)
    assert (one.digest() == two.digest()) == ((a, b) == (c, d))
    assert len(one.digest()) == 16
