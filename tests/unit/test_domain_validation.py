"""Which prompts are taken in, and why not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simsvc.domain.prompt import MICROSECONDS, Message, Prompt, Role, prefix_text, views_of
from simsvc.domain.validation import Limits, RawPrompt, violations
from tests.fakes.prompts import NOW

FIXED = settings(derandomize=True, deadline=None)
LIMITS = Limits()
GOOD = RawPrompt("req", "account", "", NOW, "m", [(3, "hello")], {"network": "n"})
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
DAY = 86400 * MICROSECONDS


def reasons(raw: RawPrompt) -> list[tuple[str, str]]:
    return [(v.field, v.reason) for v in violations(raw, LIMITS, NOW)]


def test_a_good_one() -> None:
    assert reasons(GOOD) == []
    for text in ("\u2028", "😀", "مرحبا", "你好", "\u202eabc", "a\nb\tc"):
        assert reasons(replace(GOOD, messages=[(3, f"x{text}")])) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"request_id": " "}, ("request_id", "REQUIRED")),
        ({"account_id": ""}, ("account_id", "REQUIRED")),
        ({"organization_id": "o" * 257}, ("organization_id", "TOO_LONG")),
        ({"model": "a\0"}, ("model", "NUL")),
        ({"observed_at": NOW + 301 * MICROSECONDS}, ("observed_at", "IN_THE_FUTURE")),
        ({"observed_at": NOW - 91 * DAY}, ("observed_at", "BEFORE_RETENTION")),
        ({"messages": []}, ("messages", "REQUIRED")),
        ({"messages": [(1, "x")]}, ("messages", "NO_USER_MESSAGE")),
        ({"messages": [(3, " ")]}, ("messages[0].content", "EMPTY")),
        ({"messages": [(3, "x"), (9, "x")]}, ("messages[1].role", "UNKNOWN_ROLE")),
        ({"messages": [(3, "x"), (3, "\0x")]}, ("messages[1].content", "NUL")),
        ({"messages": [(3, "x" * 524_289)]}, ("messages", "TOO_LONG")),
        ({"messages": [(3, "x")] * 1025}, ("messages", "TOO_MANY")),
        ({"attributes": {str(i): "" for i in range(33)}}, ("attributes", "TOO_MANY")),
        ({"attributes": {" ": "v"}}, ("attributes", "EMPTY_KEY")),
        ({"attributes": {"k": "é" * 129}}, ("attributes", "TOO_LONG")),
        ({"attributes": {"k": "\0"}}, ("attributes", "NUL")),
    ],
)
def test_each_fault_alone(change: dict[str, object], expected: tuple[str, str]) -> None:
    assert reasons(replace(GOOD, **change)) == [expected]  # type: ignore[arg-type]


def test_the_limits_themselves_are_allowed() -> None:
    at_limit = replace(
        GOOD,
        request_id="r" * 256,
        observed_at=NOW + 300 * MICROSECONDS,
        messages=[(3, "x" * 524_288)],
        attributes={f"{i:02}": "v" * 256 for i in range(32)},
    )
    assert reasons(at_limit) == []
    assert reasons(replace(GOOD, observed_at=NOW - 90 * DAY)) == []


@FIXED
@given(TEXT, TEXT, st.lists(st.tuples(st.integers(-3, 9), TEXT)), st.dictionaries(TEXT, TEXT))
def test_nothing_crashes(
    request_id: str, account: str, messages: list[tuple[int, str]], marks: dict[str, str]
) -> None:
    raw = RawPrompt(request_id, account, "", None, "", messages, marks)
    for violation in violations(raw, LIMITS, NOW):
        assert violation.field
        assert violation.reason.isupper()


def test_views() -> None:
    messages = (
        Message(Role.SYSTEM, "be brief"),
        Message(Role.USER, "first"),
        Message(Role.ASSISTANT, "answer"),
        Message(Role.USER, "second"),
        Message(Role.TOOL, "result"),
    )
    views = views_of(messages)
    assert (views.frame, views.payload, views.prefix) == ("be brief", "second", messages[:3])
    assert "first" in prefix_text(views.prefix)
    assert prefix_text(messages[:1]) == ""


def test_a_digest_stands_for_account_and_messages() -> None:
    prompt = Prompt("r", "a", NOW, (Message(Role.USER, "x"),))
    same = replace(prompt, request_id="s", observed_at=1, model="m", attributes={"k": "v"})
    assert same.digest() == prompt.digest()
    for other in ({"account_id": "b"}, {"messages": (Message(Role.SYSTEM, "x"),)}):
        assert replace(prompt, **other).digest() != prompt.digest()  # type: ignore[arg-type]
