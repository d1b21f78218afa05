"""What an alert says. `python -m simsvc.main webhooks schema` prints its JSON Schema."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from simsvc.domain.campaign import CampaignEvent

_MICRO = 1_000_000
Change = Literal[
    "opened", "grew", "merged", "quieted", "reopened", "split", "reviewed", "dismissed", "test"
]


class AlertCampaign(BaseModel):
    """The campaign after the change. No prompt, no account."""

    model_config = ConfigDict(extra="forbid")

    campaign_id: str
    state: Literal["open", "quiet", "merged", "dismissed"]
    confidence: Literal["low", "medium", "high"]
    verdict: Literal["none", "confirmed", "dismissed"]
    assignee: str
    summary: str = Field(description="One sentence in plain words.")
    tactics: list[str]
    accounts: int
    actors: int = Field(description="Accounts with organisations collapsed.")
    prompts: int
    first_seen: datetime
    last_seen: datetime
    first_reported_at: datetime
    merged_into: str
    split_from: str
    news: list[str] = Field(description="What is new since it was dismissed, if it came back.")
    url: str = Field(description="Its page in the console; empty if webhook_console is not set.")


class Alert(BaseModel):
    """The body of a webhook's request."""

    model_config = ConfigDict(extra="forbid", title="simsvc alert")

    version: Literal[1] = 1
    id: str = Field(description="The same for every attempt; also the header webhook-id.")
    type: Literal["campaign.changed", "test"]
    change: Change
    time: datetime
    campaign: AlertCampaign | None


class AlertWriter:
    """Writes alerts; `console` is the base URL of the console, "" for none."""

    def __init__(self, console: str) -> None:
        self._console = console.rstrip("/")

    def write(self, alert_id: str, event: CampaignEvent) -> str:
        """Return an alert of a change, in JSON."""
        campaign, extent, review = event.campaign, event.campaign.extent, event.campaign.review
        page = f"{self._console}/campaigns/{campaign.campaign_id}" if self._console else ""
        values: dict[str, Any] = {
            "campaign_id": campaign.campaign_id,
            "state": campaign.state.name.lower(),
            "confidence": campaign.confidence.name.lower(),
            "verdict": review.verdict.name.lower(),
            "assignee": review.assignee,
            "summary": campaign.summary(),
            "tactics": list(campaign.tactics),
            "accounts": extent.accounts,
            "actors": extent.actors,
            "prompts": extent.prompts,
            "first_seen": _time(extent.first_seen),
            "last_seen": _time(extent.last_seen),
            "first_reported_at": _time(campaign.first_reported_at),
            "merged_into": campaign.merged_into,
            "split_from": campaign.split_from,
            "news": list(review.news),
            "url": page,
        }
        return Alert(
            id=alert_id,
            type="campaign.changed",
            change=event.change.name.lower(),
            time=_time(event.at),
            campaign=AlertCampaign(**values),
        ).model_dump_json()


def test_alert(alert_id: str, now: int) -> str:
    """Return an alert about nothing, made at `now` (µs)."""
    alert = Alert(id=alert_id, type="test", change="test", time=_time(now), campaign=None)
    return alert.model_dump_json()


def schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of an alert."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | Alert.model_json_schema()


def _time(micros: int) -> datetime:
    return datetime.fromtimestamp(micros / _MICRO, UTC)
