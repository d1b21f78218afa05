"""The system and the audit log."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from typing import TypeVar

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from simsvc.client import GetServerInfoResponse, SimsvcRpcError
from simsvc.console.errors import explained
from simsvc.console.pages import Reader, Render, Watcher, Writer, wants_part
from simsvc.console.sessions import Session

router = APIRouter()
_ENTRIES = 50
_LEAST_SECONDS = 1.0
_T = TypeVar("_T")


@router.get("/system")
async def system(request: Request, session: Watcher, render: Render) -> HTMLResponse:
    """Show how the server is; a part of the page asks again and again."""
    info = await session.client.server_info()
    generations, generations_problem = await _or_why(session.client.generations())
    operations, operations_problem = await _or_why(session.client.operations())
    return render.answer(
        request,
        "_system.html" if wants_part(request) else "system.html",
        info=info,
        rate=_rate(session, info),
        generations=generations or [],
        generations_problem=generations_problem,
        operations=operations or [],
        operations_problem=operations_problem,
    )


@router.get("/audit")
async def audit(
    request: Request,
    session: Reader,
    render: Render,
    principal: str = "",
    action: str = "",
    campaign: str = "",
    page: str = "",
) -> HTMLResponse:
    """Show who did what, newest first."""
    chosen = {
        "principal": principal.strip(), "action": action.strip(), "campaign": campaign.strip(),
    }  # fmt: skip
    found = await session.client.audit_page(
        principal=chosen["principal"],
        action=chosen["action"],
        campaign_id=chosen["campaign"],
        page_size=_ENTRIES,
        page_token=page,
    )
    return render.answer(
        request,
        "_audit.html" if wants_part(request) else "audit.html",
        entries=found.entries,
        next_page=found.next_page_token,
        chosen=chosen,
    )


@router.post("/audit/verify")
async def verify(request: Request, session: Writer, render: Render) -> HTMLResponse:
    """Check that the log is what was written."""
    found = await session.client.verify_audit_log()
    template = "_verified.html" if wants_part(request) else "verified.html"
    return render.answer(request, template, found=found)


def _rate(session: Session, info: GetServerInfoResponse) -> float | None:
    """Return prompts a second since the page was last looked at; None the first time."""
    now, prompts = time.monotonic(), info.index.prompts
    if session.sample is not None and now - session.sample[0] < _LEAST_SECONDS:
        return session.rate
    if session.sample is not None:
        session.rate = max(0.0, prompts - session.sample[1]) / (now - session.sample[0])
    session.sample = now, prompts
    return session.rate


async def _or_why(asked: Awaitable[_T]) -> tuple[_T | None, str]:
    """Return an answer, or why this reader gets none: the rest of the page stands without."""
    try:
        return await asked, ""
    except SimsvcRpcError as error:
        _, title, said = explained(error)
        return None, f"{title}: {said}"
