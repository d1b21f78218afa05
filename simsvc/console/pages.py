"""Templates and what they are given."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import jinja2
from fastapi import Depends, Form, Header, Request
from fastapi.responses import HTMLResponse

from simsvc.console import words
from simsvc.console.inert import visible
from simsvc.console.sessions import Session, Sessions

FOLDER = Path(__file__).parent
COOKIE = "simsvc_console"
SECURE_COOKIE = "__Host-simsvc_console"
_FILTERS = {
    name: getattr(words, name)
    for name in (
        "basis", "changes", "clock", "confidence", "dismissal", "hidden", "many", "number",
        "odds", "payload", "plain", "role", "share", "short", "span", "state", "verdict", "when",
    )
}  # fmt: skip


class SignInNeededError(Exception):
    """Nobody is signed in, or the session has ended."""


class ForeignFormError(Exception):
    """A form does not carry the token of the session."""


class Pages:
    """Renders templates. Every text that goes into one is made visible and escaped."""

    def __init__(self) -> None:
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(FOLDER / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            finalize=_finalize,
        )
        self._templates.filters |= {**_FILTERS, "json": _json}
        self._templates.globals["asset"] = _Assets()

    def text(self, template: str, values: Mapping[str, Any]) -> str:
        """Return a template with its values, without those that are for whole pages."""
        return self._templates.get_template(template).render(values)

    def answer(
        self, request: Request, template: str, status: int = 200, **values: Any
    ) -> HTMLResponse:
        """Return a page, or the part of one that htmx asked for."""
        session: Session | None = getattr(request.state, "session", None)
        common = {
            "session": session,
            "csrf": session.csrf if session else "",
            "path": request.url.path,
            "may_review": bool(session and session.may("reviewer")),
            "may_read": bool(session and session.may("analyst", "reviewer")),
            "may_audit": bool(session and session.may("reviewer", "operator")),
        }
        return HTMLResponse(self.text(template, common | values), status)


class _Assets:
    """Addresses of static files that change with their content."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def __call__(self, name: str) -> str:
        if name not in self._known:
            content = (FOLDER / "static" / name).read_bytes()
            self._known[name] = hashlib.sha256(content).hexdigest()[:12]
        return f"/static/{name}?v={self._known[name]}"


def pages_of(request: Request) -> Pages:
    """Return what renders."""
    pages: Pages = request.app.state.pages
    return pages


def sessions_of(request: Request) -> Sessions:
    """Return who is signed in."""
    sessions: Sessions = request.app.state.sessions
    return sessions


def cookie_name(request: Request) -> str:
    """Return the name of the cookie with the session's id."""
    return SECURE_COOKIE if request.url.scheme == "https" else COOKIE


def signed_in(request: Request) -> Session:
    """Return the session of a request. SignInNeededError if there is none."""
    return _session(request, used=True)


def listening(request: Request) -> Session:
    """Return the session of a request that an open page makes by itself: that is no use of it."""
    return _session(request, used=False)


def watching(request: Request) -> Session:
    """Return the session of a page whose parts ask for themselves again and again."""
    return _session(request, used=not wants_part(request))


def _session(request: Request, *, used: bool) -> Session:
    name = request.cookies.get(cookie_name(request), "")
    session = sessions_of(request).find(name, used=used)
    if session is None:
        raise SignInNeededError
    request.state.session = session
    return session


def posted(
    session: Annotated[Session, Depends(signed_in)],
    csrf: Annotated[str, Form()] = "",
    x_csrf_token: Annotated[str, Header()] = "",
) -> Session:
    """Return the session of a form that came from one of its pages."""
    if not session.accepts(csrf or x_csrf_token):
        raise ForeignFormError
    return session


Reader = Annotated[Session, Depends(signed_in)]
Listener = Annotated[Session, Depends(listening)]
Watcher = Annotated[Session, Depends(watching)]
Writer = Annotated[Session, Depends(posted)]
Render = Annotated[Pages, Depends(pages_of)]


def wants_part(request: Request) -> bool:
    """Return whether htmx asks, for a part of a page."""
    return "hx-request" in request.headers


def _finalize(value: Any) -> Any:
    # Markup is ours; a plain string may be anybody's.
    return visible(value) if type(value) is str else value


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
