"""Campaigns by their members, pseudonyms under changing keys, and pieces of sequences."""

from __future__ import annotations

import hmac
from dataclasses import replace
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simsvc.domain.campaign import (
    Campaign,
    CampaignState,
    Change,
    Extent,
    Member,
    campaign_id_for,
    extent_of,
)
from simsvc.domain.chunks import chunks
from simsvc.domain.pseudonyms import Keyring, parse_pseudonym, pseudonym
from simsvc.v1 import campaigns_pb2
from tests.fakes.prompts import HOUR

FIXED = settings(derandomize=True, deadline=None)
MEMBERS = (Member(1, -9, 5, 70, 2), Member(2, -9, 3, 60, 1), Member(3, 3, 4, 80, 4))
EXTENT = Extent(0, 36 * HOUR, 120, 12, 10)
CAMPAIGN = Campaign("cmp_1", CampaignState.OPEN, 1, 2, (7,), (), EXTENT)
KEYS = {"old": b"o" * 16, "new": b"n" * 32}


def test_an_extent_collapses_organisations() -> None:
    assert extent_of(MEMBERS) == Extent(3, 80, 7, accounts=3, actors=2)
    assert extent_of({m.account: m for m in MEMBERS}.values()) == extent_of(MEMBERS)
    with pytest.raises(ValueError, match="empty"):
        extent_of([])


def test_two_parts_of_an_account_join_either_way() -> None:
    one, two = Member(1, 1, 5, 70, 2), Member(1, 1, 3, 60, 1)
    assert one.joined(two) == two.joined(one) == Member(1, 1, 3, 70, 3)


def test_an_etag_changes_with_each_change() -> None:
    etags = [replace(CAMPAIGN, revision=i).etag for i in range(1, 4)]
    assert len({*etags, replace(CAMPAIGN, campaign_id="cmp_2").etag}) == 4
    assert replace(CAMPAIGN).etag == CAMPAIGN.etag


def test_a_summary() -> None:
    assert CAMPAIGN.summary() == (
        "12 accounts (10 with organisations collapsed) sent 120 prompts of one source "
        "over 36.0 hours: near-duplicate prompts."
    )


def test_an_id_stands_for_its_family() -> None:
    # Written down: ids that were handed out must hold after an upgrade.
    assert campaign_id_for("gen", 7) == campaign_id_for("gen", 7) == ID_OF_SEVEN
    assert len({campaign_id_for(g, f) for g in ("gen", "gen/1") for f in range(500)}) == 1000


ID_OF_SEVEN = "cmp_2ce646672d53dd01"


def test_numbers_are_those_of_the_wire() -> None:
    for kind, wire, prefix in (
        (CampaignState, campaigns_pb2.CampaignState, "CAMPAIGN_STATE"),
        (Change, campaigns_pb2.CampaignChange, "CAMPAIGN_CHANGE"),
    ):
        ours = {f"{prefix}_{member.name}": member.value for member in kind}
        assert ours | {f"{prefix}_UNSPECIFIED": 0} == dict(wire.items())


@FIXED
@given(st.lists(st.integers()), st.integers(1, 9))
def test_pieces_hold_all_items_in_order(items: list[int], size: int) -> None:
    pieces = list(chunks(items, size))
    assert list(chain.from_iterable(pieces)) == items
    assert all(len(p) == size for p in pieces[:-1])
    assert all(0 < len(p) <= size for p in pieces)


@FIXED
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_an_account_is_found_after_a_rotation(account: str) -> None:
    before = Keyring({"old": KEYS["old"]}, "old").all_hashes("account", account)
    after = Keyring(KEYS, "new").all_hashes("account", account)
    assert [h.key_id for h in after] == ["new", "old"]
    assert before[0] in after
    assert len({h.value for h in after}) == 2


@FIXED
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=4))
def test_hashes_are_what_is_on_disk(values: list[str]) -> None:
    ring = Keyring(KEYS, "new")
    for value in values:
        wanted = [
            hmac.digest(KEYS[key], b"account\0" + value.encode(), "sha256")[:16]
            for key in ("new", "old")
        ]
        assert [h.value for h in ring.all_hashes("account", value)] == wanted
        assert ring.hashes_of("acct", "account", value) == wanted
        text = hmac.digest(KEYS["new"], b"payload\0" + value.encode(), "sha256")[:16]
        assert ring.text_hash("payload", value) == (text if value else b"")


@FIXED
@given(st.sampled_from(["acct", "org"]), st.binary(min_size=16, max_size=16))
def test_pseudonyms_parse_as_their_kind_only(kind: str, value: bytes) -> None:
    name = pseudonym(kind, value)
    assert parse_pseudonym(kind, name) == value
    assert parse_pseudonym("org" if kind == "acct" else "acct", name) is None
    for wrong in (f"{name}\n", f" {name}", name[:-1], name + "0", name.upper()):
        assert parse_pseudonym(kind, wrong) is None


@FIXED
@given(st.text())
def test_any_text_may_be_asked_for_as_a_pseudonym(text: str) -> None:
    assert parse_pseudonym("acct", text) is None


@pytest.mark.parametrize("length", [0, 15])
def test_no_key_may_be_short(length: int) -> None:
    with pytest.raises(ValueError, match="at least 16 bytes"):
        Keyring(KEYS | {"other": b"x" * length}, "new")


@pytest.mark.parametrize("length", [16, 63, 64, 65, 200])
def test_a_key_of_any_length_makes_the_standard_s_hash(length: int) -> None:
    key = bytes(range(length))
    [made] = Keyring({"k": key}, "k").all_hashes("account", "a")
    assert made.value == hmac.digest(key, b"account\0a", "sha256")[:16]


def test_the_active_key_must_be_there() -> None:
    with pytest.raises(ValueError, match="'gone' is not among the keys"):
        Keyring(KEYS, "gone")
