"""Answers as JSON: enums in the short words that options take."""

from __future__ import annotations

from google.protobuf.timestamp_pb2 import Timestamp

from simsvc.cli.values import values_of
from simsvc.client import (
    Campaign,
    CampaignState,
    Confidence,
    Indicator,
    Role,
    StoredPrompt,
    TextState,
    Tlp,
    Verdict,
)
from tests.hostile import NEWER


def test_enums_are_short_words_at_any_depth() -> None:
    campaign = Campaign(
        campaign_id="cmp_1",
        state=CampaignState.CAMPAIGN_STATE_OPEN,
        confidence=Confidence.CONFIDENCE_HIGH,
        last_seen=Timestamp(seconds=1),
    )
    campaign.review.verdict = Verdict.VERDICT_CONFIRMED
    told = values_of(campaign)
    assert (told["state"], told["confidence"]) == ("open", "high")
    assert told["review"]["verdict"] == "confirmed"
    assert told["last_seen"] == "1970-01-01T00:00:01Z"
    prompt = StoredPrompt(prompt_id="1", text_state=TextState.TEXT_STATE_KEY_MISSING)
    prompt.messages.add(role=Role.ROLE_USER, content="ROLE_USER")
    told = values_of(prompt)
    assert told["text_state"] == "key_missing"
    assert told["messages"] == [{"role": "user", "content": "ROLE_USER"}]
    assert values_of(Indicator(tlp=Tlp.TLP_AMBER_STRICT))["tlp"] == "amber_strict"


def test_what_a_newer_server_calls_otherwise_stays_a_number() -> None:
    campaign = Campaign()
    campaign.state = NEWER  # type: ignore[assignment]
    assert values_of(campaign)["state"] == NEWER
