"""Tables at the widths of terminals: ids are whole, the rest can be read."""

from __future__ import annotations

import io
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console, RenderableType
from rich.text import Text

from indexer.detecting.tell import show as show_detected
from simsvc.cli.matches import GroupBy, matches_table
from simsvc.cli.show import campaign_panel, campaigns_table
from simsvc.cli.tables import Listing, Size, shared_out
from simsvc.client import (
    Campaign,
    CampaignState,
    Confidence,
    Role,
    SearchPromptsResponse,
    StoredPrompt,
)
from simsvc.scan.command import show as show_scanned

CAMPAIGN = "cmp_077b4e0123456789"
ACCOUNT, ORGANIZATION = "acct_" + "0123456789abcdef" * 2, "org_" + "fedcba9876543210" * 2
TACTICS = ["shared_frame", "topical_partition", "reference_set_harvest", "new_pool_after_ban"]
AT = Timestamp(seconds=1_780_000_000)


def printed(what: RenderableType, width: int) -> str:
    out = io.StringIO()
    Console(file=out, width=width).print(what)
    return out.getvalue()


def campaign() -> Campaign:
    found = Campaign(
        campaign_id=CAMPAIGN, confidence=Confidence.CONFIDENCE_HIGH,
        state=CampaignState.CAMPAIGN_STATE_OPEN, account_count=1234, prompt_count=56789,
        last_seen=AT, first_reported_at=AT, tactics=TACTICS,
    )  # fmt: skip
    found.members.add(
        account=ACCOUNT, organization=ORGANIZATION, prompts=77, last_seen=AT, reasons=["its frame"]
    )
    return found


@pytest.mark.parametrize("width", [80, 140])
def test_a_list_of_campaigns_has_whole_ids_and_columns(width: int) -> None:
    told = printed(campaigns_table([campaign()] * 3), width)
    assert told.count(CAMPAIGN) == 3
    assert all(len(line) <= width for line in told.splitlines())
    for word in ("confidence", "high", "state", "open", "accounts", "1234", "prompts", "56789"):
        assert word in told
    assert "…" not in told


def test_a_wide_terminal_has_all_columns_and_a_narrow_one_says_which_it_lacks() -> None:
    wide, narrow = (printed(campaigns_table([campaign()]), width) for width in (140, 80))
    for tactic in TACTICS:
        assert tactic in wide
    assert "Too narrow" not in wide
    assert "Too narrow for: tactics, last seen, reported (see --json)" in narrow


def test_a_campaign_names_its_accounts_whole() -> None:
    example = StoredPrompt(prompt_id="123456", account=ACCOUNT, observed_at=AT)
    told = printed(campaign_panel(campaign(), [example]), 80)
    assert ACCOUNT in told
    assert "123456" in told
    assert "its frame" in told


@pytest.mark.parametrize("group_by", GroupBy)
def test_what_is_found_is_named_whole(group_by: GroupBy) -> None:
    found = SearchPromptsResponse()
    group = found.groups.add(account=ACCOUNT, organization=ORGANIZATION, match_count=9)
    match = group.matches.add(similarity=0.9)
    match.prompt.CopyFrom(StoredPrompt(prompt_id="123456", account=ACCOUNT, observed_at=AT))
    match.prompt.messages.add(role=Role.ROLE_USER, content="counterrevolutionaries " * 9)
    told = printed(matches_table(found, group_by), 80)
    assert (ORGANIZATION if group_by is GroupBy.ORGANIZATION else ACCOUNT) in told
    assert "text" in told or "most similar" in told


def test_scans_and_detections_name_campaigns_whole() -> None:
    out = io.StringIO()
    told: dict[str, Any] = {
        "id": CAMPAIGN, "confidence": "high", "accounts": [1], "account_count": 1, "prompts": 9,
        "first_reported_at": "2026-11-30T10:00:00Z", "first_seen": "2026-11-30T10:00:00Z",
        "last_seen": "2026-11-30T10:00:00Z", "tactics": TACTICS,
        "recorded": {"id": f"{CAMPAIGN[:-1]}f", "overlap": 0.5},
    }  # fmt: skip
    counts = {"events": 1, "accounts": 1, "bad_lines": 0, "repeated_requests": 0, "bad": []}
    report = {"counts": counts, "calibration": {"remark": "shipped"}, "campaigns": [told]}
    show_scanned(report, Console(file=out, width=80))
    show_detected({"prompts": 1, "campaigns": [told], "vanished": []}, Console(file=out, width=80))
    assert out.getvalue().count(CAMPAIGN) == 2
    assert told["recorded"]["id"] in out.getvalue()


@given(
    st.lists(st.lists(st.text("ab 語", max_size=40), min_size=3, max_size=3), max_size=4),
    st.integers(20, 100),
)
def test_nothing_is_lost_at_any_width(rows: list[list[str]], width: int) -> None:
    table = Listing(Text("rows"), ("id", "b", "c"), ("c",), (), True)
    for row in rows:
        table.add_row([Text(cell) for cell in row])
    told = printed(table, width)
    for sign in "a語":
        assert told.count(sign) == sum(cell.count(sign) for row in rows for cell in row)


def test_room_is_given_to_narrow_columns_and_taken_from_wide_ones() -> None:
    assert shared_out([Size(3, 10), Size(5, 100)], 60) == [10, 50]
    assert shared_out([Size(3, 4), Size(5, 6)], 60) == [4, 6]
    assert shared_out([Size(10, 10), Size(5, 5)], 11) == [6, 5]
    assert shared_out([Size(10, 10), Size(5, 5)], 0) == [2, 2]
    assert shared_out([Size(37, 37), Size(22, 90, wrapped=True)], 50) == [37, 13]
