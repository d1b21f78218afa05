"""Parts of the console that need no server: inert texts, plain words, sessions, origins."""

from __future__ import annotations

import asyncio

import pytest
from fastapi import FastAPI
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from simsvc.client import AsyncClient, AuditEntry, Campaign, Connection, GetServerInfoResponse
from simsvc.companion import console_environment
from simsvc.console import operating, queue, words
from simsvc.console.inert import visible
from simsvc.console.pages import COOKIE, Pages
from simsvc.console.sessions import IDLE_SECONDS, LONGEST_SECONDS, Session, Sessions
from simsvc.console.shield import is_own

ORIGIN = "http://127.0.0.1:8551"
HARM = {*map(chr, range(9)), *"\x0b\x0c\r\x1b\x7f\x85\x9b", *"\u202a\u202e\u2066\u2069\u200b\ufeff"}


@given(st.text())
def test_what_is_visible_does_nothing(text: str) -> None:
    shown = visible(text)
    assert not HARM & set(shown)
    assert visible(shown) == shown


@pytest.mark.parametrize("text", ["plain", "two\nlines\tand a tab", "می‌خواهم", "👩‍🔬", "日本語"])
def test_what_is_harmless_stays(text: str) -> None:
    assert visible(text) == text


def test_what_is_hidden_is_named() -> None:
    assert visible("\x1b[31m\u202egnp\x7f") == "␛[31m⟨U+202E⟩gnp␡"


@pytest.mark.parametrize(
    ("headers", "own"),
    [
        ({"origin": ORIGIN}, True),
        ({"origin": "null", "sec-fetch-site": "same-origin"}, True),
        ({"origin": ORIGIN, "sec-fetch-site": "same-origin"}, True),
        ({"origin": ORIGIN, "sec-fetch-site": "cross-site"}, False),
        ({"origin": ORIGIN + "1"}, False),
        ({"origin": "https://127.0.0.1:8551", "sec-fetch-site": "same-origin"}, False),
        ({"origin": "null"}, False),
        ({"sec-fetch-site": "none"}, False),
        ({}, False),
    ],
)
def test_only_the_own_origin_counts(headers: dict[str, str], own: bool) -> None:
    assert is_own(Headers(headers), ORIGIN) is own


@pytest.mark.parametrize(
    ("log_p", "told"),
    [(0.0, "–"), (-2.302585, "1 in 10"), (-9.0, "1 in 8,103"), (-2000.0, "1 in 10<sup>869</sup>")],
)
def test_chances_are_told_as_odds(log_p: float, told: str) -> None:
    assert words.odds(log_p) == told


@pytest.mark.parametrize(
    ("value", "told"),
    [(1.0, "100 %"), (0.9999, "> 99 %"), (0.5, "50 %"), (0.001, "< 1 %"), (0.0, "0 %")],
)
def test_no_share_is_rounded_to_certainty(value: float, told: str) -> None:
    assert words.share(value) == told


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(60, "1 minute"), (3700, "1 h 1 min"), (90_000, "1 day 1 h"), (30 * 86_400, "30 days")],
)
def test_spans_are_told_in_two_units(seconds: int, told: str) -> None:
    campaign = Campaign(
        first_seen=Timestamp(seconds=100), last_seen=Timestamp(seconds=100 + seconds)
    )
    assert words.span(campaign) == told


def test_changes_are_told_value_by_value() -> None:
    entry = AuditEntry(
        before='{"assignee": "", "accounts": 3, "same": 1}',
        after='{"assignee": "ben", "accounts": 2, "same": 1}',
    )
    assert words.changes(entry) == ["assignee: – → ben", "accounts: 3 → 2"]
    assert words.changes(AuditEntry()) == []


@pytest.mark.parametrize(("merged_into", "offered"), [("", True), ("cmp_2", False)])
def test_only_what_stands_by_itself_can_be_exported(merged_into: str, offered: bool) -> None:
    campaign = Campaign(campaign_id="cmp_1", merged_into=merged_into)
    page = Pages().text("_export.html", {"campaign": campaign, "may_review": True})
    assert ("/campaigns/cmp_1/export" in page) is offered


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def opened(sessions: Sessions) -> tuple[str, Session]:
    name = await sessions.open(
        AsyncClient(Connection("127.0.0.1:1")),
        GetServerInfoResponse(principal="ana", roles=["analyst"]),
    )
    session = sessions.find(name)
    assert session is not None
    return name, session


async def test_a_session_ends_when_idle_and_in_any_case() -> None:
    clock = Clock()
    sessions = Sessions(clock)
    name, session = await opened(sessions)
    assert session.may("analyst", "reviewer")
    assert not session.may("reviewer")
    clock.now = IDLE_SECONDS - 1
    assert sessions.find(name) is session
    while clock.now < LONGEST_SECONDS:
        assert sessions.find(name) is session
        clock.now += IDLE_SECONDS / 2
    assert sessions.find(name) is None
    other, _ = await opened(sessions)
    clock.now += IDLE_SECONDS
    assert sessions.find(other) is None
    await sessions.close_all()


@pytest.mark.parametrize(
    ("path", "headers", "used"),
    [
        ("/system", {}, True),
        ("/system", {"HX-Request": "true"}, False),
        ("/events", {}, False),
        ("/audit", {"HX-Request": "true"}, True),
    ],
)
async def test_what_a_page_asks_by_itself_is_no_use_of_it(
    path: str, headers: dict[str, str], used: bool
) -> None:
    # A tab that nobody looks at would keep its session for the whole day.
    clock = Clock()
    app = FastAPI()
    app.state.sessions, app.state.pages, app.state.live = Sessions(clock), Pages(), queue.Live()
    for part in (operating, queue):
        app.include_router(part.router)
    name, session = await opened(app.state.sessions)
    session.client = Refusing()  # type: ignore[assignment]
    clock.now = IDLE_SECONDS - 1
    with pytest.raises(RefusedError):
        await asked(app, path, {"Cookie": f"{COOKIE}={name}", **headers})
    clock.now = IDLE_SECONDS + 1
    assert app.state.sessions.lasts(session) is used


class RefusedError(Exception):
    pass


class Refusing:
    """A client that ends each request as soon as it is asked something."""

    def __getattr__(self, name: str) -> object:
        raise RefusedError


async def asked(app: FastAPI, path: str, headers: dict[str, str]) -> None:
    came = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> dict[str, object]:
        if not came:
            await asyncio.Event().wait()
        return came.pop()

    async def send(message: object) -> None:
        pass

    raw = [(k.lower().encode(), v.encode()) for k, v in headers.items()]
    scope = {
        "type": "http", "method": "GET", "scheme": "http", "path": path, "query_string": b"",
        "headers": raw, "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1), "root_path": "",
        "http_version": "1.1",
    }  # fmt: skip
    await app(scope, receive, send)  # type: ignore[arg-type]


def test_a_console_beside_a_server_gets_none_of_its_settings() -> None:
    server = {"PATH": "/bin", "SIMSVC_WEBHOOKS": "secret", "simsvc_sharing_keys": "secret"}
    assert console_environment(server) == {"PATH": "/bin"}


async def test_ids_and_form_tokens_are_each_sessions_own() -> None:
    sessions = Sessions(Clock())
    (one, first), (two, second) = await opened(sessions), await opened(sessions)
    assert one != two
    assert first.accepts(first.csrf)
    assert not first.accepts(second.csrf)
    assert not first.accepts("")
    assert sessions.find("") is None
    await sessions.close(one)
    assert not sessions.lasts(first)
    assert sessions.lasts(second)
    await sessions.close_all()
