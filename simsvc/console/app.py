"""The application: all pages, behind the shield."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.types import ASGIApp

from simsvc.client import Connection
from simsvc.console import campaign, charts, lookup, operating, queue, reviewing, signing
from simsvc.console.errors import add_errors
from simsvc.console.pages import FOLDER, Pages
from simsvc.console.sessions import Sessions
from simsvc.console.shield import Shield

_PARTS = (signing, queue, campaign, reviewing, charts, lookup, operating)


def make_app(connection: Connection, *, tls: bool, local: bool) -> ASGIApp:
    """Return the console of a server. `connection` has no token: each reader brings his own."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=_life)
    app.state.connection = connection
    app.state.local = local
    app.state.sessions = Sessions()
    app.state.pages = Pages()
    app.state.live = queue.Live()
    for part in _PARTS:
        app.include_router(part.router)
    app.mount("/static", StaticFiles(directory=FOLDER / "static"))
    add_errors(app)
    return Shield(app, tls=tls, local=local)


@asynccontextmanager
async def _life(app: FastAPI) -> AsyncIterator[None]:
    sweeping = asyncio.create_task(app.state.sessions.keep_swept())
    try:
        yield
    finally:
        sweeping.cancel()
        await app.state.sessions.close_all()
