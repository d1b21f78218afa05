"""The queue: which campaigns to look at, the surest and the newest first, live."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import HTMLResponse, StreamingResponse
from starlette.exceptions import HTTPException

from simsvc.client import AsyncClient, SimsvcRpcError, WatchCampaignsResponse
from simsvc.console import words
from simsvc.console.pages import Listener, Pages, Reader, Render, sessions_of, wants_part
from simsvc.console.sessions import Session, Sessions

router = APIRouter()
PAGE = 50
_HEARTBEAT = 15.0
_RETRY_MILLIS = 5000
STATES = ("open", "quiet", "merged", "dismissed")
CONFIDENCES = ("low", "medium", "high")
VERDICTS = ("none", "confirmed", "dismissed")
ORDERS = {
    "confidence": "confidence",
    "accounts": "accounts",
    "prompts": "prompts",
    "new_accounts": "growth",
    "last_seen": "newest evidence",
    "update_time": "latest change",
}


@router.get("/")
async def queue(
    request: Request,
    session: Reader,
    render: Render,
    state: str = "open",
    confidence: str = "",
    verdict: str = "",
    assignee: str = "",
    order: str = "confidence",
    page: str = "",
) -> HTMLResponse:
    """Show a page of campaigns."""
    for word, known in ((state, STATES), (confidence, CONFIDENCES), (verdict, VERDICTS)):
        _check(word, known)
    found = await session.client.campaigns_page(
        state=state,
        min_confidence=confidence,
        verdict=verdict,
        assignee=assignee.strip(),
        order_by=order,
        page_size=PAGE,
        page_token=page,
    )
    chosen = {
        "state": state, "confidence": confidence, "verdict": verdict,
        "assignee": assignee.strip(), "order": order,
    }  # fmt: skip
    return render.answer(
        request,
        "_queue.html" if wants_part(request) else "queue.html",
        campaigns=found.campaigns,
        next_page=found.next_page_token,
        first_page=not page,
        chosen=chosen,
        choices={"state": STATES, "confidence": CONFIDENCES, "verdict": VERDICTS},
        orders=ORDERS,
    )


class Live:
    """Where the changes of campaigns are at, so that a new listener gets new ones only."""

    def __init__(self) -> None:
        self.newest = ""

    def note(self, token: str, resumed: bool) -> None:
        """Note how far somebody has read, unless he had been away."""
        if not resumed:
            self.newest = token

    def forget(self, token: str) -> None:
        """Let go of a place that the server does not know."""
        if self.newest == token:
            self.newest = ""


@router.get("/events")
async def events(
    request: Request,
    session: Listener,
    render: Render,
    last_event_id: Annotated[str, Header()] = "",
    after: str = "",
    away: Annotated[float, Query(ge=0)] = 0.0,
) -> StreamingResponse:
    """Send each change of a campaign as it happens, with its row of the queue.

    A listener that was `away` (seconds) names the last event that it had, if it had one.
    """
    since = time.time() - away
    changes = _Changes(session, sessions_of(request), render, request.app.state.live, since)
    lines = changes.lines(last_event_id or after)
    return StreamingResponse(lines, media_type="text/event-stream")


class _Changes:
    """What one listener is sent."""

    def __init__(
        self, session: Session, sessions: Sessions, render: Pages, live: Live, since: float
    ) -> None:
        self._session = session
        self._sessions = sessions
        self._render = render
        self._live = live
        self._since = since

    async def lines(self, last_event_id: str) -> AsyncIterator[str]:
        """Yield the events of the stream, as text."""
        start = last_event_id or self._live.newest
        yield f"retry: {_RETRY_MILLIS}\nid: {start}\nevent: begun\ndata: {{}}\n\n"
        try:
            async for change in _or_silence(self._session.client, start):
                if not self._sessions.lasts(self._session):
                    return
                if change is None:
                    yield ": nothing new\n\n"
                elif last_event_id or change.change_time.seconds >= self._since - 1:
                    yield self._event(change)
                if change is not None:
                    self._live.note(change.resume_token, bool(last_event_id))
        except SimsvcRpcError as error:
            yield self._end(error.code.name, start)

    def _end(self, code: str, start: str) -> str:
        # A listener that may not watch shall not come again and again.
        name = "refused" if code == "PERMISSION_DENIED" else "lost"
        told = f"event: {name}\ndata: {json.dumps(code)}\n\n"
        if code != "INVALID_ARGUMENT":
            return told
        # Where to go on from, the server does not know and never will, as after a change of its
        # keys: an empty id makes the browser forget it too.
        self._live.forget(start)
        return f"id:\n{told}"

    def _event(self, change: WatchCampaignsResponse) -> str:
        row = self._render.text("_row.html", {"campaign": change.campaign, "is_new": True})
        data: dict[str, Any] = {
            "id": change.campaign.campaign_id,
            "change": words.change(change.change),
            "accounts": change.campaign.account_count,
            "row": row,
        }
        return f"id: {change.resume_token}\nevent: campaign\ndata: {json.dumps(data)}\n\n"


async def _or_silence(
    client: AsyncClient, start: str
) -> AsyncIterator[WatchCampaignsResponse | None]:
    """Yield changes, and None when there has been none for a while."""
    async with aclosing(client.watch_campaigns(start)) as changes:
        while True:
            coming = asyncio.ensure_future(anext(changes))
            try:
                while not (await asyncio.wait({coming}, timeout=_HEARTBEAT))[0]:
                    yield None
                yield coming.result()
            except StopAsyncIteration:
                return
            finally:
                coming.cancel()
                # What it ends with is of no interest; that it has ended is, for aclosing.
                await asyncio.gather(coming, return_exceptions=True)


def _check(word: str, known: tuple[str, ...]) -> None:
    if word and word not in known:
        raise HTTPException(400, f"{word} is none of {', '.join(known)}")
