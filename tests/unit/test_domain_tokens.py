"""Page tokens open for their own query and no other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsvc.domain.errors import InvalidError
from simsvc.domain.tokens import TokenSealer

SEALER = TokenSealer(b"k" * 32)


@given(st.text(), st.lists(st.one_of(st.integers(), st.text(), st.floats(allow_nan=False))))
def test_round_trip(query: str, value: list[object]) -> None:
    token = SEALER.seal(query, value)
    assert SEALER.open(query, token, "page_token") == value
    for other in (f"{query}x", ""):
        if other != query:
            with pytest.raises(InvalidError):
                SEALER.open(other, token, "page_token")


@given(st.text())
def test_made_up_tokens_do_not_open(token: str) -> None:
    with pytest.raises(InvalidError) as caught:
        SEALER.open("query", token, "page_token")
    assert caught.value.violations[0].field == "page_token"


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
