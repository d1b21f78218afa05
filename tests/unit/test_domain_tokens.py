"""Page tokens open for their own query and no other."""

from __future__ import annotations

import base64
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simsvc.domain.errors import InvalidError
from simsvc.domain.tokens import TokenSealer

FIXED = settings(derandomize=True, deadline=None)
SEALER = TokenSealer(b"k" * 32)


@FIXED
@given(st.text(), st.lists(st.one_of(st.integers(), st.text(), st.floats(allow_nan=False))))
def test_round_trip(query: str, value: list[object]) -> None:
    token = SEALER.seal(query, value)
    assert SEALER.open(query, token, "page_token") == value
    for other in (f"{query}x", ""):
        if other != query:
            with pytest.raises(InvalidError):
                SEALER.open(other, token, "page_token")


@FIXED
@given(st.text())
def test_made_up_tokens_do_not_open(token: str) -> None:
    with pytest.raises(InvalidError) as caught:
        SEALER.open("query", token, "page_token")
    assert caught.value.violations[0].field == "page_token"


@FIXED
@given(st.integers(0, 30), st.characters(min_codepoint=33, max_codepoint=126))
def test_changed_tokens_do_not_open(at: int, character: str) -> None:
    token = SEALER.seal("query", [1, "two"])
    at %= len(token)
    changed = token[:at] + character + token[at + 1 :]
    if changed.rstrip("=") != token and changed[:-1] != token[:-1]:
        with pytest.raises(InvalidError):
            SEALER.open("query", changed, "page_token")
    with pytest.raises(InvalidError):
        SEALER.open("query", token[:at], "page_token")


def test_another_servers_token_does_not_open() -> None:
    with pytest.raises(InvalidError):
        TokenSealer(b"o" * 32).open("query", SEALER.seal("query", [1]), "page_token")


URL_SAFE = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=")


@FIXED
@given(st.one_of(URL_SAFE, st.text("\ud800\udfff\u2028é😀\0", min_size=1)), st.text(min_size=1))
def test_the_field_of_a_wrong_token_is_named(token: str, field: str) -> None:
    with pytest.raises(InvalidError) as caught:
        SEALER.open("query", token, field)
    [violation] = caught.value.violations
    assert (violation.field, violation.reason) == (field, "TOKEN_MISMATCH")


@FIXED
@given(st.binary(max_size=40))
def test_a_value_under_a_made_up_tag_does_not_open(raw: bytes) -> None:
    token = base64.urlsafe_b64encode(raw + b"[1]").decode().rstrip("=")
    with pytest.raises(InvalidError):
        SEALER.open("query", token, "page_token")


def test_a_token_is_safe_in_a_url() -> None:
    token = SEALER.seal("query", ["é\u2028😀" * 20, 1.5, None])
    assert set(token) <= set(string.ascii_letters + string.digits + "-_")
