"""Which prompts are taken in, and why not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simsvc.domain.prompt import MICROSECONDS, Role, views_of
from simsvc.domain.validation import (
    Limits,
    RawPrompt,
    as_messages,
    id_violations,
    is_id,
    message_violations,
    violations,
)
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


@FIXED
@given(TEXT)
def test_an_id_is_one_if_nothing_is_wrong_with_it(text: str) -> None:
    for value in (text, f"{text}\0", f" {text}", "é" * 128, "é" * 128 + "x"):
        assert is_id(value, LIMITS) == (not id_violations("account_id", value, LIMITS))


def test_one_over_a_limit_in_bytes() -> None:
    # 128 letters of two bytes are 256 bytes.
    assert reasons(replace(GOOD, account_id="é" * 128)) == []
    assert reasons(replace(GOOD, account_id="é" * 128 + "x")) == [("account_id", "TOO_LONG")]
    halves = [(1, "é" * 131_072), (3, "é" * 131_072)]
    assert reasons(replace(GOOD, messages=halves)) == []
    assert reasons(replace(GOOD, messages=[*halves, (4, "x")])) == [("messages", "TOO_LONG")]
    assert reasons(replace(GOOD, messages=[(3, "x")] * 1024)) == []
    late = NOW + 300 * MICROSECONDS + 1
    assert reasons(replace(GOOD, observed_at=late)) == [("observed_at", "IN_THE_FUTURE")]
    early = NOW - 90 * DAY - 1
    assert reasons(replace(GOOD, observed_at=early)) == [("observed_at", "BEFORE_RETENTION")]


def test_all_faults_are_told_at_once() -> None:
    bad = RawPrompt("", "", "o" * 257, 0, "m\0", [(0, "x"), (3, "")], {"": "v"})
    assert {field for field, _ in reasons(bad)} == {
        "request_id",
        "account_id",
        "organization_id",
        "observed_at",
        "model",
        "messages[0].role",
        "messages[1].content",
        "attributes",
    }


def test_only_the_last_user_message_must_say_something() -> None:
    said = [(3, ""), (4, ""), (3, "x"), (5, "")]
    assert reasons(replace(GOOD, messages=said)) == []
    assert reasons(replace(GOOD, messages=[(3, "x"), (3, "\u2003\n"), (4, "y")])) == [
        ("messages[1].content", "EMPTY")
    ]


@FIXED
@given(st.integers(-(2**70), 2**70))
def test_any_time_is_judged(observed_at: int) -> None:
    found = reasons(replace(GOOD, observed_at=observed_at))
    kept = NOW - 90 * DAY <= observed_at <= NOW + 300 * MICROSECONDS
    assert bool(found) != kept


@FIXED
@given(st.lists(st.tuples(st.sampled_from(list(Role)), TEXT), min_size=1, max_size=5))
def test_valid_messages_convert(messages: list[tuple[int, str]]) -> None:
    if not list(message_violations(messages, LIMITS)):
        converted = as_messages(messages)
        assert [(m.role, m.content) for m in converted] == messages
        assert views_of(converted).payload.strip()
