"""Signing in with a bearer token, and out."""

from __future__ import annotations

from typing import Annotated

import grpc
from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from simsvc.client import AsyncClient, Connection, GetServerInfoResponse, SimsvcRpcError
from simsvc.console.errors import explained
from simsvc.console.pages import Render, Writer, cookie_name, sessions_of
from simsvc.console.sessions import LONGEST_SECONDS

router = APIRouter()
_PROBE_SECONDS = 3.0
# It listens on loopback only: a console that others can reach must not stand in for them.
_OPEN = "The server asks nobody for a token. Set up tokens, or let the console listen on loopback."


@router.get("/sign-in")
async def sign_in_page(request: Request, render: Render, next: str = "/") -> HTMLResponse:
    """Show the form, and whether the server asks for a token at all."""
    is_open, problem = False, ""
    try:
        is_open = await _is_open(request)
    except SimsvcRpcError as error:
        problem = explained(error)[1]
    if is_open and not request.app.state.local:
        is_open, problem = False, _OPEN
    return render.answer(request, "sign_in.html", next=_own(next), is_open=is_open, problem=problem)


@router.post("/sign-in")
async def sign_in(
    request: Request,
    render: Render,
    token: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "/",
) -> Response:
    """Try a token; keep it if the server knows it."""
    try:
        if not request.app.state.local and await _is_open(request):
            return render.answer(
                request, "sign_in.html", 403, next=_own(next), is_open=False, problem=_OPEN
            )
        client, info = await _asked(request, token.strip(), keep=True)
    except SimsvcRpcError as error:
        status, title, said = explained(error)
        if error.code is grpc.StatusCode.UNAUTHENTICATED:
            status, title = 401, "The server does not know this token"
        return render.answer(
            request, "sign_in.html", status, next=_own(next), is_open=False,
            problem=f"{title}: {said}",
        )  # fmt: skip
    except ValueError as error:
        return render.answer(
            request, "sign_in.html", 400, next=_own(next), is_open=False, problem=str(error)
        )
    sessions = sessions_of(request)
    await sessions.close(request.cookies.get(cookie_name(request), ""))
    name = await sessions.open(client, info)
    answer = RedirectResponse(_own(next), 303)
    answer.set_cookie(
        cookie_name(request),
        name,
        max_age=int(LONGEST_SECONDS),
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return answer


@router.post("/sign-out")
async def sign_out(request: Request, session: Writer) -> Response:
    """Forget the token."""
    await sessions_of(request).close(request.cookies.get(cookie_name(request), ""))
    answer = RedirectResponse("/sign-in", 303)
    answer.delete_cookie(
        cookie_name(request), secure=request.url.scheme == "https", httponly=True,
        samesite="strict",
    )  # fmt: skip
    return answer


async def _is_open(request: Request) -> bool:
    """Return whether the server answers without a token."""
    try:
        await _asked(request, "")
    except SimsvcRpcError as error:
        if error.code is grpc.StatusCode.UNAUTHENTICATED:
            return False
        raise
    return True


async def _asked(
    request: Request, token: str, *, keep: bool = False
) -> tuple[AsyncClient, GetServerInfoResponse]:
    """Return a client with a token, and what the server told it; it is closed unless kept."""
    base: Connection = request.app.state.connection
    client = AsyncClient(
        Connection(
            base.address, token or None, base.root_certificates, base.client_certificate,
            base.client_key, base.tls,
        )
    )  # fmt: skip
    kept = False
    try:
        info = await client.server_info(_PROBE_SECONDS)
        kept = keep
    finally:
        if not kept:
            await client.close()
    return client, info


def _own(address: str) -> str:
    """Return an address if it is a path of this console, or else the first page."""
    inside = address.startswith("/") and not address.startswith(("//", "/\\"))
    return address if inside and address.isprintable() else "/"
