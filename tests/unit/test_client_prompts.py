from __future__ import annotations

from datetime import UTC, datetime
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsvc.client import ObservedPrompt, clean_text
from simsvc.client.prompts import prompt_message
from simsvc.v1 import types_pb2
from tests.unit.test_client_support import prompt


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("", ""),
        ("plain", "plain"),
        ("a\0b", "a\ufffdb"),
        ("\0\0", "\ufffd\ufffd"),
        ("x\ud800", "x\ufffd"),
        ("\udc00x\0", "\ufffdx\ufffd"),
        ("\ud83d\ude00", "😀"),
        ("\ud800\ud800\udc00", "\ufffd\U00010000"),
        ("\ufeffé😀\udfff", "\ufeffé😀\ufffd"),
    ],
)
def test_clean_text(text: str, cleaned: str) -> None:
    assert clean_text(text) == cleaned


@given(st.text(st.characters()))
def test_cleaned_text_can_be_sent_and_only_bad_characters_change(text: str) -> None:
    cleaned = clean_text(text)
    assert "\0" not in cleaned
    assert (
        types_pb2.Message.FromString(types_pb2.Message(content=cleaned).SerializeToString()).content
        == cleaned
    )
    if "\0" not in text and text.isprintable():
        assert cleaned == text


def test_all_fields_are_converted() -> None:
    observed = ObservedPrompt(
        request_id="r",
        account_id="a",
        messages=[
            ("system", "s"),
            ("developer", "d"),
            ("user", "u"),
            ("assistant", "x"),
            ("tool", "t"),
        ],
        organization_id="o",
        observed_at=datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
        model="m",
        attributes=MappingProxyType({"network": "n"}),
    )
    message = prompt_message(observed, replace_bad_text=True)
    assert [m.role for m in message.messages] == [1, 2, 3, 4, 5]
    assert [m.content for m in message.messages] == ["s", "d", "u", "x", "t"]
    assert message.observed_at.ToDatetime(UTC) == observed.observed_at
    assert (message.request_id, message.account_id) == ("r", "a")
    assert (message.organization_id, message.model) == ("o", "m")
    assert dict(message.attributes) == {"network": "n"}


def test_no_time_stays_unset() -> None:
    assert not prompt_message(prompt(), replace_bad_text=True).HasField("observed_at")


def test_text_is_replaced_only_when_asked() -> None:
    assert (
        prompt_message(prompt(text="a\0"), replace_bad_text=True).messages[0].content == "a\ufffd"
    )
    assert prompt_message(prompt(text="a\0"), replace_bad_text=False).messages[0].content == "a\0"
    with pytest.raises(ValueError, match="surrogates"):
        prompt_message(prompt(text="\ud800"), replace_bad_text=False)


def test_only_contents_are_replaced() -> None:
    assert prompt_message(prompt("r\0"), replace_bad_text=True).request_id == "r\0"


def test_values_that_cannot_be_sent() -> None:
    with pytest.raises(ValueError, match="unknown role 'human'"):
        prompt_message(ObservedPrompt("r", "a", [("human", "x")]), replace_bad_text=True)
    with pytest.raises(ValueError, match="no time zone"):
        prompt_message(prompt(observed_at=datetime(2026, 1, 1)), replace_bad_text=True)
