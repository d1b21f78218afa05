"""Decisions about campaigns. Each carries the etag of the review that it was made on."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse

from simsvc.client import Campaign, Review
from simsvc.console.pages import Writer

router = APIRouter(prefix="/campaigns/{campaign_id}")
Text = Annotated[str, Form()]


@router.post("/assign")
async def assign(
    campaign_id: str, session: Writer, etag: Text, assignee: Text = "", me: Text = ""
) -> RedirectResponse:
    """Name who looks after it; with `me`, whoever is signed in."""
    name = session.principal if me else assignee.strip()
    return _back(await session.client.assign_campaign(_seen(campaign_id, etag), name))


@router.post("/comment")
async def comment(
    campaign_id: str, session: Writer, etag: Text, comment: Text = ""
) -> RedirectResponse:
    """Add a remark."""
    return _back(await session.client.comment_campaign(_seen(campaign_id, etag), comment))


@router.post("/confirm")
async def confirm(
    campaign_id: str, session: Writer, etag: Text, comment: Text = ""
) -> RedirectResponse:
    """Say that it is what it is reported to be."""
    return _back(await session.client.confirm_campaign(_seen(campaign_id, etag), comment))


@router.post("/dismiss")
async def dismiss(
    campaign_id: str, session: Writer, etag: Text, reason: Text = "unspecified", comment: Text = ""
) -> RedirectResponse:
    """Say that it is none."""
    seen = _seen(campaign_id, etag)
    return _back(await session.client.dismiss_campaign(seen, reason, comment))


@router.post("/reopen")
async def reopen(
    campaign_id: str, session: Writer, etag: Text, comment: Text = ""
) -> RedirectResponse:
    """Take a verdict back."""
    return _back(await session.client.reopen_campaign(_seen(campaign_id, etag), comment))


@router.post("/exclude")
async def exclude(
    campaign_id: str, session: Writer, etag: Text, account: Text = "", comment: Text = ""
) -> RedirectResponse:
    """Take an account out."""
    seen = _seen(campaign_id, etag)
    return _back(await session.client.exclude_account(seen, account, comment))


@router.post("/merge")
async def merge(
    campaign_id: str, session: Writer, etag: Text, others: Text = "", comment: Text = ""
) -> RedirectResponse:
    """Let others, named with spaces or commas between, become part of it."""
    seen, names = _seen(campaign_id, etag), others.replace(",", " ").split()
    return _back(await session.client.merge_campaigns(seen, names, comment))


@router.post("/split")
async def split(
    campaign_id: str,
    session: Writer,
    etag: Text,
    account: Annotated[list[str], Form()] = [],  # noqa: B006 - FastAPI copies it
    comment: Text = "",
) -> RedirectResponse:
    """Make a campaign of its own of some members, and show that."""
    seen = _seen(campaign_id, etag)
    return _back(await session.client.split_campaign(seen, account, comment))


@router.post("/undo")
async def undo(campaign_id: str, session: Writer, etag: Text, entry: Text = "") -> RedirectResponse:
    """Take an entry of its history back."""
    return _back(await session.client.undo_review(_seen(campaign_id, etag), entry))


def _seen(campaign_id: str, etag: str) -> Campaign:
    """Return the campaign as the form had it, as far as the client needs it."""
    return Campaign(campaign_id=campaign_id, review=Review(etag=etag))


def _back(campaign: Campaign) -> RedirectResponse:
    return RedirectResponse(f"/campaigns/{campaign.campaign_id}#review", 303)
