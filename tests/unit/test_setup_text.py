"""Stored texts under their keys, and texts on a terminal."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from simsvc.cli.show import inert, odds, payload
from simsvc.domain.prompt import Message, Role
from simsvc.record.text import (
    KEY_MISSING,
    NOT_STORED,
    SHOWN,
    EncryptedText,
    NoText,
    PlainText,
    StoredText,
)
from simsvc.v1 import search_pb2, types_pb2

FIXED = settings(derandomize=True, deadline=None)
KEYS = {"a": b"a" * 32, "b": b"b" * 32}
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
MESSAGES = st.lists(st.builds(Message, st.sampled_from(Role), TEXT), max_size=4).map(tuple)
SECRET = (Message(Role.USER, "a secret that must not lie in the open"),)


@FIXED
@given(st.integers(1, 2**62), MESSAGES)
def test_round_trips(seq: int, messages: tuple[Message, ...]) -> None:
    for codec in (PlainText({}), EncryptedText(KEYS, "a")):
        assert codec.decode(seq, codec.encode(seq, messages)) == (messages, SHOWN)
    assert NoText(KEYS).decode(seq, NoText(KEYS).encode(seq, messages)) == (None, NOT_STORED)


def test_encrypted_twice_is_not_the_same() -> None:
    codec = EncryptedText(KEYS, "a")
    one, two = codec.encode(1, SECRET), codec.encode(1, SECRET)
    assert one.data is not None
    assert one.data != two.data
    assert b"secret" not in one.data
    assert one.key_id == "a"


def test_a_text_is_bound_to_its_key_and_seq() -> None:
    stored = EncryptedText(KEYS, "a").encode(7, SECRET)
    assert EncryptedText(KEYS, "b").decode(7, stored) == (SECRET, SHOWN)
    assert EncryptedText(KEYS, "a").decode(8, stored) == (None, KEY_MISSING)
    for keys in ({}, {"b": KEYS["b"]}, {"a": KEYS["b"]}):
        assert PlainText(keys).decode(7, stored) == (None, KEY_MISSING)


@FIXED
@given(st.integers(0, 200), st.integers(1, 255))
def test_a_changed_bit_is_noticed(at: int, flip: int) -> None:
    codec = EncryptedText(KEYS, "a")
    data = bytearray(codec.encode(7, SECRET).data or b"")
    data[at % len(data)] ^= flip
    assert codec.decode(7, StoredText("a", bytes(data))) == (None, KEY_MISSING)


@FIXED
@given(st.text(), st.integers(2, 200))
def test_any_text_is_one_inert_line(text: str, width: int) -> None:
    shown = inert(text, width)
    assert len(shown.plain) <= width
    assert shown.plain.isprintable()
    assert not shown.spans


@pytest.mark.parametrize(
    "text",
    [
        "\x1b[2J\x1b[31mred",
        "\x1b]8;;http://x\x07link\x1b]8;;\x07",
        "\x9b31mred",
        "a\rb\nc\u2028d\u2029e\x85f",
        "\u202eoverride\u2066isolate",
        "zero\u200bwidth",
    ],
)
def test_nothing_reaches_the_terminal_as_a_code(text: str) -> None:
    out = io.StringIO()
    Console(file=out, width=200, color_system=None).print(inert(text))
    line = out.getvalue().removesuffix("\n")
    assert line.isprintable()


def test_markup_is_text() -> None:
    out = io.StringIO()
    Console(file=out, force_terminal=True, width=200).print(inert("[red]x[/red] [/] [link=y]z"))
    assert out.getvalue() == "[red]x[/red] [/] [link=y]z\n"


def stored(*messages: tuple[str, str], state: str = "SHOWN") -> search_pb2.StoredPrompt:
    return search_pb2.StoredPrompt(
        messages=[types_pb2.Message(role=f"ROLE_{role}", content=text) for role, text in messages],
        text_state=f"TEXT_STATE_{state}",
    )


def test_what_is_shown_of_a_prompt() -> None:
    assert payload(stored(("SYSTEM", "frame"), ("USER", "question"))).plain == "question"
    assert "not stored" in payload(stored(state="NOT_STORED")).plain
    assert "encrypted" in payload(stored(state="KEY_MISSING")).plain
    assert payload(stored()).plain == ""


def test_what_is_shown_is_the_users() -> None:
    shown = payload(stored(("USER", "question"), ("ASSISTANT", "answer"), ("TOOL", "result")))
    assert shown.plain == "question"


def test_odds() -> None:
    assert odds(-23.02585) == "p = 10^-10.0"
    assert odds(0.0) == "-"
    assert odds(float("-inf")) == "p = 10^-inf"
