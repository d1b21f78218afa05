"""One campaign: what and why, whose, and what speaks against it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

import grpc
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from simsvc.client import AuditEntry, Campaign, CampaignMember, SimsvcRpcError
from simsvc.console import words
from simsvc.console.errors import explained
from simsvc.console.pages import Reader, Render
from simsvc.console.sessions import Session

router = APIRouter(prefix="/campaigns/{campaign_id}")
MEMBERS = 25
HISTORY = 30
_WITHOUT = (grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.UNAVAILABLE)


@router.get("")
async def campaign_page(
    request: Request, campaign_id: str, session: Reader, render: Render
) -> HTMLResponse:
    """Show all about a campaign; the charts come by themselves afterwards."""
    campaign = await session.client.get_campaign(campaign_id)
    history, problem = await _history(session, campaign_id)
    return render.answer(
        request,
        "campaign.html",
        campaign=campaign,
        history=history,
        history_problem=problem,
        reasons=words.REASONS,
        **_members(campaign, "", 1),
    )


@router.get("/members")
async def members(
    request: Request, campaign_id: str, session: Reader, render: Render, q: str = "", page: int = 1
) -> HTMLResponse:
    """Show a page of the members whose pseudonym, organisation or reasons hold a text."""
    campaign = await session.client.get_campaign(campaign_id)
    return render.answer(
        request, "_members.html", campaign=campaign, **_members(campaign, q, max(page, 1))
    )


@router.get("/export")
async def export(
    campaign_id: str,
    session: Reader,
    format: Literal["stix", "csv", "html"] = "stix",
    tlp: Literal["clear", "green", "amber", "amber_strict", "red"] = "amber",
) -> Response:
    """Return a campaign as a file for others; the server logs it."""
    found = await session.client.export_campaign(campaign_id, format, tlp)
    name = re.sub(r"[^\w.-]", "_", found.file_name, flags=re.ASCII)
    return Response(
        found.content,
        media_type=found.media_type,
        headers={"content-disposition": f'attachment; filename="{name}"'},
    )


@router.get("/frames")
async def frames(
    request: Request, campaign_id: str, session: Reader, render: Render
) -> HTMLResponse:
    """Show the frames with the part that varies. It shows texts, and the server logs it."""
    found = await session.client.campaign_frames(campaign_id)
    return render.answer(request, "_frames.html", frames=found.frames)


def _members(campaign: Campaign, query: str, page: int) -> dict[str, Any]:
    chosen = [m for m in campaign.members if _matches(m, query.strip().lower())]
    start = (page - 1) * MEMBERS
    return {
        "members": chosen[start : start + MEMBERS],
        "found": len(chosen),
        "q": query,
        "page": page,
        "pages": max(1, -(-len(chosen) // MEMBERS)),
    }


def _matches(member: CampaignMember, query: str) -> bool:
    texts = (member.account, member.organization, *member.reasons)
    return any(query in text.lower() for text in texts)


async def _history(session: Session, campaign_id: str) -> tuple[Sequence[AuditEntry], str]:
    try:
        return (await session.client.reviews_page(campaign_id, HISTORY)).entries, ""
    except SimsvcRpcError as error:
        if error.code not in _WITHOUT:
            raise
        return (), explained(error)[1]
