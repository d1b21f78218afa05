"""What was found once more, for people and for machines. Accounts are pseudonyms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console

from indexer.detecting.compare import Comparison
from indexer.times import iso
from simsvc.cli.show import add_row, table_of
from simsvc.cli.tables import Listing
from simsvc.domain.campaign import Campaign
from simsvc.domain.pseudonyms import pseudonym
from simsvc.ports.record import Named
from simsvc.record.reading import Window


def report_of(compared: Comparison, window: Window, names: Mapping[int, Named]) -> dict[str, Any]:
    """Return the report: campaigns found (with what is recorded of them), and those vanished."""
    again = {pair.found.campaign_id: pair for pair in compared.again}
    found = [*(pair.found for pair in compared.again), *compared.new]
    return {
        "start": None if window.start is None else iso(window.start),
        "end": None if window.end is None else iso(window.end),
        "prompts": window.prompts,
        "campaigns": [
            _campaign(c, names)
            | {
                "recorded": {
                    "id": again[c.campaign_id].recorded.campaign_id,
                    "accounts": len(again[c.campaign_id].recorded.members),
                    "shared_accounts": again[c.campaign_id].shared,
                    "overlap": round(again[c.campaign_id].overlap, 4),
                }
                if c.campaign_id in again
                else None
            }
            for c in found
        ],
        "vanished": [_campaign(c, names) for c in compared.vanished],
    }


def show(report: Mapping[str, Any], terminal: Console) -> None:
    """Print a report as tables."""
    found, gone = report["campaigns"], report["vanished"]
    new = sum(c["recorded"] is None for c in found)
    terminal.print(
        f"{report['prompts']} prompts: {len(found) - new} campaigns found again, {new} new, "
        f"{len(gone)} vanished.",
        highlight=False,
    )
    if found:
        terminal.print(_table("Found", found, _recorded))
    if gone:
        terminal.print(_table("Recorded, not found", gone, lambda _: "vanished"))


def _table(title: str, campaigns: list[Any], last: Callable[[Any], str]) -> Listing:
    columns = ("campaign", "confidence", "accounts", "first", "last", "tactics", "recorded")
    table = table_of(
        title, *columns, wrapped=("first", "last", "tactics", "recorded"),
        spare=("first", "last", "tactics", "accounts"),
    )  # fmt: skip
    for c in campaigns:
        times = (c[key][:16].replace("T", " ") for key in ("first_seen", "last_seen"))
        add_row(
            table, c["id"], c["confidence"], str(c["account_count"]), *times,
            ", ".join(c["tactics"]), last(c),
        )  # fmt: skip
    return table


def _recorded(campaign: Mapping[str, Any]) -> str:
    known = campaign["recorded"]
    return f"{known['id']}, overlap {known['overlap']:.2f}" if known else "new"


def _campaign(campaign: Campaign, names: Mapping[int, Named]) -> dict[str, Any]:
    members = sorted(campaign.members.values(), key=lambda m: (-m.probability, m.account))
    return {
        "id": campaign.campaign_id,
        "confidence": campaign.confidence.name.lower(),
        "tactics": list(campaign.tactics),
        "account_count": len(members),
        "prompts": campaign.extent.prompts,
        "first_seen": iso(campaign.extent.first_seen),
        "last_seen": iso(campaign.extent.last_seen),
        "accounts": [
            {
                "account": pseudonym("acct", names[m.account].hash),
                "attribution_probability": round(m.probability, 4),
            }
            for m in members
            if m.account in names
        ],
    }
