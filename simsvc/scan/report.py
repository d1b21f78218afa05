"""The report of a scan: plain JSON, account ids as they were given."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from simsvc.core.campaigns import CampaignBook
from simsvc.domain.calibration import Calibration
from simsvc.domain.campaign import Campaign, CampaignState, Evidence
from simsvc.domain.prompt import MICROSECONDS
from simsvc.scan.pipeline import Arrival, Intake

_EXCERPT = 400
_REPRESENTATIVES = 8


def report_of(intake: Intake, book: CampaignBook, calibration: Calibration) -> dict[str, Any]:
    """Return the report: campaigns, the surest and largest first, calibration, counts."""
    found = [c for c in book.all() if c.state is not CampaignState.MERGED]
    found.sort(key=lambda c: (-c.confidence, -c.extent.accounts, c.campaign_id))
    return {
        "campaigns": [_campaign(c, intake) for c in found],
        "calibration": asdict(calibration)
        | {"sufficient": calibration.sufficient, "remark": calibration.remark()},
        "counts": {
            "lines": intake.lines,
            "events": len(intake.arrivals),
            "accounts": len(intake.accounts) - 1,
            "bad_lines": intake.bad_lines,
            "bad": [asdict(bad) for bad in intake.bad],
            "repeated_requests": intake.repeated,
            "campaigns": len(found),
        },
    }


def _campaign(campaign: Campaign, intake: Intake) -> dict[str, Any]:
    members = sorted(campaign.members.values(), key=lambda m: (-m.probability, m.account))
    return {
        "id": campaign.campaign_id,
        "confidence": campaign.confidence.name.lower(),
        "summary": campaign.summary(),
        "tactics": list(campaign.tactics),
        "accounts": [intake.accounts[m.account] for m in members],
        "first_seen": _time(campaign.extent.first_seen),
        "last_seen": _time(campaign.extent.last_seen),
        "first_reported_at": _time(campaign.first_reported_at),
        "prompts": campaign.extent.prompts,
        "evidence": [_evidence(e, intake.arrivals) for e in campaign.evidence],
        "coverage": _coverage(campaign),
        "representative_prompts": [
            _prompt(intake.arrivals[seq - 1]) for seq in campaign.representatives[:_REPRESENTATIVES]
        ],
        "members": [
            {
                "account": intake.accounts[m.account],
                "attribution_probability": round(m.probability, 4),
                "prompts": m.prompts,
                "evidence": list(m.reasons),
            }
            for m in members
        ],
        "next_steps": list(campaign.next_steps),
    }


def _evidence(evidence: Evidence, arrivals: list[Arrival]) -> dict[str, Any]:
    return {
        "signal": evidence.signal,
        "description": evidence.description,
        "value": round(evidence.value, 6),
        "expected": round(evidence.expected, 6),
        "log_p_value": round(evidence.log_p, 3),
        "request_ids": [arrivals[seq - 1].prompt.request_id for seq in evidence.seqs],
    }


def _coverage(campaign: Campaign) -> dict[str, Any]:
    seen = campaign.coverage
    if seen is None:
        return {}
    return {
        "prompts_looked_at": seen.prompts,
        "distinct": seen.distinct,
        "unseen_share": round(seen.unseen, 4),
        "estimated_size_at_least": seen.size,
        "division_of_labour": round(seen.labour, 2),
    }


def _prompt(arrival: Arrival) -> dict[str, Any]:
    prompt = arrival.prompt
    return {
        "request_id": prompt.request_id,
        "account_id": prompt.account_id,
        "observed_at": _time(prompt.observed_at),
        "text": arrival.payload[:_EXCERPT],
    }


def _time(at: int) -> str:
    return datetime.fromtimestamp(at / MICROSECONDS, UTC).isoformat().replace("+00:00", "Z")
