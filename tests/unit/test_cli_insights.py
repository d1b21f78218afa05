"""What an account does and a campaign's frames, on the terminal."""

from __future__ import annotations

import io

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console, RenderableType

from simsvc.cli.insights import activity_rows, frames_panel, sparkline, twins_table
from simsvc.client import AccountActivity, CampaignFrames

EVIL = "pay\x1b[31mload <script> [red]x[/red]\u202e"


def printed(what: RenderableType) -> str:
    out = io.StringIO()
    Console(file=out, width=200).print(what)
    return out.getvalue()


@pytest.mark.parametrize(
    ("counts", "bars"), [([], ""), ([0, 0], "··"), ([1, 8], "▁█"), ([8, 0, 4], "█·▄")]
)
def test_counts_are_bars_and_nothing_is_a_dot(counts: list[int], bars: str) -> None:
    assert sparkline(counts) == bars


@given(st.lists(st.integers(0, 10**9), max_size=400))
def test_any_counts_fit_a_line_and_the_most_are_the_highest(counts: list[int]) -> None:
    bars = sparkline(counts)
    assert len(bars) <= 60
    assert ("█" in bars) == any(counts)
    assert bool(bars.strip("·")) == any(counts)


def activity() -> AccountActivity:
    found = AccountActivity(
        account="acct_1", breadth=3.25, median_breadth=7.5, prompts_looked_at=24, isolation=0.8
    )
    for day, prompts in enumerate((4, 0, 9)):
        found.days.add(day=Timestamp(seconds=86400 * (20000 + day)), prompts=prompts)
    found.frames.add(frame_id="frame_0a", prompts=7, accounts=12, example_prompt_id="55")
    found.twins.add(account="acct_2", rho=0.931, prompts=40, campaign_ids=["cmp_1", "cmp_2"])
    found.twins.add(account="acct_3", rho=0.5, prompts=4)
    return found


def test_an_account_is_told_with_its_numbers() -> None:
    rows = {name: text.plain for name, text in activity_rows(activity())}
    assert rows["volume"] == "▄·█  2024-10-04 to 2024-10-06, at most 9 a day"
    assert rows["breadth"] == "3.2 topics in 24 prompts; the median account's 7.5"
    assert rows["stand alone"] == "80% of its prompts, in time"
    assert rows["frame_0a"].startswith("7 prompts, such as 55; 12 accounts")
    table = printed(twins_table(activity()))
    assert "0.93" in table
    assert "cmp_1, cmp_2" in table


def test_of_an_account_with_nothing_to_compare_nothing_is_made_up() -> None:
    rows = dict(activity_rows(AccountActivity(breadth=1.0, prompts_looked_at=1)))
    assert "volume" not in rows
    assert rows["breadth"].plain == "1.0 topics in 1 prompts"


def test_frames_mark_what_varies_and_texts_are_inert() -> None:
    found = CampaignFrames()
    frame = found.frames.add(frame_id="frame_0a", prompts=9, accounts=4, other_accounts=1)
    shown = frame.examples.add(prompt_id="5")
    shown.spans.add(text="Translate:\n\n", varying=False)
    shown.spans.add(text=EVIL, varying=True)
    shown.spans.add(text=" \n", varying=True)
    frame.examples.add(prompt_id="6")
    text = printed(frames_panel(found))
    assert "frame_0a: 9 prompts of 4 accounts, 1 other accounts use it" in text
    assert "5  Translate: ⟦pay [31mload <script> [red]x[/red]⟧" in text
    assert "6  (text not stored)" in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "⟦⟧" not in text


def test_without_frames_there_is_nothing() -> None:
    assert printed(frames_panel(CampaignFrames())).strip() == ""
