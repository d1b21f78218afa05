"""Looking up prompts, accounts and what is similar to them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.exceptions import HTTPException

from simsvc.client import SearchArgs, SearchPromptsResponse
from simsvc.console import words
from simsvc.console.pages import Pages, Reader, Render, Writer, wants_part
from simsvc.console.sessions import Session

router = APIRouter()
_GROUPS = 15
_SHOWN = 3
_TWINS = 15
Text = Annotated[str, Form()]


@router.get("/search")
async def search_page(
    request: Request,
    session: Reader,
    render: Render,
    prompt: str = "",
    account: str = "",
    since: str = "",
    until: str = "",
    similarity: str = "",
    page: str = "",
) -> HTMLResponse:
    """Show the form and, for the id of a prompt, what is similar to it."""
    form = _form(prompt, account, since, until, similarity)
    found = None
    if prompt.strip():
        found = await _found(session, {**_filters(form), "prompt_id": prompt.strip()}, page)
    return _answer(request, render, form, found)


@router.post("/search")
async def search(
    request: Request,
    session: Writer,
    render: Render,
    text: Text = "",
    account: Text = "",
    since: Text = "",
    until: Text = "",
    similarity: Text = "",
    page: Text = "",
) -> HTMLResponse:
    """Show what is similar to a text. It is posted: an address would be kept in many places."""
    form = _form("", account, since, until, similarity) | {"text": text}
    if not text.strip():
        raise HTTPException(400, "paste a prompt, or give the id of one")
    found = await _found(session, {**_filters(form), "text": text}, page)
    return _answer(request, render, form, found)


@router.get("/prompts/{prompt_id}")
async def prompt_page(
    request: Request, prompt_id: str, session: Reader, render: Render
) -> HTMLResponse:
    """Show a prompt. The server logs who has read it."""
    prompt = await session.client.get_prompt(prompt_id)
    template = "_prompt.html" if wants_part(request) else "prompt.html"
    return render.answer(request, template, prompt=prompt)


@router.post("/accounts")
async def find_account(session: Writer, id: Text = "") -> RedirectResponse:
    """Go to an account by its raw id or its pseudonym. Posted, so that no address holds the id."""
    found = await session.client.get_account(id.strip())
    return RedirectResponse(f"/accounts/{found.account}", 303)


@router.get("/accounts/{account_id:path}/activity")
async def activity(
    request: Request, account_id: str, session: Reader, render: Render
) -> HTMLResponse:
    """Show what an account does and who is like it. It takes the server a moment."""
    found = await session.client.account_activity(account_id, _TWINS)
    days = {
        "times": [words.millis(d.day) for d in found.days],
        "prompts": [d.prompts for d in found.days],
    }
    return render.answer(request, "_activity.html", activity=found, days=days)


@router.get("/accounts/{account_id:path}")
async def account_page(
    request: Request, account_id: str, session: Reader, render: Render
) -> HTMLResponse:
    """Show what is known of an account."""
    found = await session.client.get_account(account_id)
    return render.answer(request, "account.html", account=found)


async def _found(session: Session, query: SearchArgs, page: str) -> SearchPromptsResponse:
    paged: SearchArgs = {
        **query,
        "page_size": _GROUPS,
        "page_token": page,
        "prompts_per_account": _SHOWN,
    }
    return await session.client.search(**paged)


def _answer(
    request: Request, render: Pages, form: dict[str, str], found: SearchPromptsResponse | None
) -> HTMLResponse:
    template = "_results.html" if wants_part(request) and found else "search.html"
    return render.answer(
        request,
        template,
        form=form,
        found=found,
        points=_points(found) if found else {},
        campaigns=_campaigns(found) if found else [],
        family=_largest_family(found) if found else 0,
    )


def _points(found: SearchPromptsResponse) -> dict[str, list[object]]:
    """Return the matches shown for a chart: when, how similar, of which account."""
    shown = [(g.account, m) for g in found.groups for m in g.matches]
    return {
        "times": [words.millis(m.prompt.observed_at) for _, m in shown],
        "similarity": [round(m.similarity, 4) for _, m in shown],
        "accounts": [a for a, _ in shown],
        "prompts": [m.prompt.prompt_id for _, m in shown],
    }


def _campaigns(found: SearchPromptsResponse) -> list[str]:
    named = (m.prompt.outcome.campaign_id for g in found.groups for m in g.matches)
    return sorted({name for name in named if name})


def _largest_family(found: SearchPromptsResponse) -> int:
    sizes = (m.prompt.outcome.family_accounts for g in found.groups for m in g.matches)
    return max(sizes, default=0)


def _form(prompt: str, account: str, since: str, until: str, similarity: str) -> dict[str, str]:
    return {
        "text": "", "prompt": prompt.strip(), "account": account.strip(), "since": since,
        "until": until, "similarity": similarity,
    }  # fmt: skip


def _filters(form: dict[str, str]) -> SearchArgs:
    return {
        "account_id": form["account"] or None,
        "start": _moment("since", form["since"]),
        "end": _moment("until", form["until"]),
        "min_similarity": _least(form["similarity"]),
    }


def _moment(name: str, text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise HTTPException(400, f"{name} must be a time such as 2026-11-02T09:00") from error


def _least(text: str) -> float | None:
    if not text:
        return None
    try:
        return float(text)
    except ValueError as error:
        raise HTTPException(400, "the least similarity must be a number in [-1, 1]") from error
