"""Whatever a receiver answers is an answer; what cannot be called is refused at the start."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pydantic import ValidationError

from simsvc.domain.alerts import Answer, RetryRule
from simsvc.settings_alerts import WebhookSettings
from simsvc.share.sender import Receiver, WebhookSender

SECRET = base64.b64encode(b"a secret of the receiver and the sender").decode()


@asynccontextmanager
async def answering(first: bytes, again: bytes = b"") -> AsyncIterator[tuple[str, list[bytes]]]:
    """Answer each connection with `first`, and then with `again` until it is closed."""
    seen: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            seen.append(await reader.readuntil(b"}"))
            writer.write(first)
            await writer.drain()
            while again and not reader.at_eof():
                writer.write(again)
                await writer.drain()
                await asyncio.sleep(0.01)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", seen
    finally:
        server.close()


async def sent(url: str, times: int = 1, within: float = 5.0) -> Answer:
    sender = WebhookSender({"hook": Receiver(url, b"s" * 32)}, within)
    try:
        for _ in range(times):
            answer = await sender.send("hook", "msg_1", "{}")
    finally:
        await sender.close()
    return answer


@pytest.mark.parametrize(
    ("pause", "seconds"),
    [
        (b"17", 17.0),
        (b"\xb2", 0.0),
        (b"9" * 400, 21600.0),
        (b"Wed, 21 Oct 2099 07:28:00 GMT", 21600.0),
        (b"Wed, 21 Oct 2015 07:28:00 +" + b"9" * 30, 0.0),
        (b"1 2 3", 0.0),
    ],
)
async def test_a_pause_is_read_whatever_it_says(pause: bytes, seconds: float) -> None:
    async with answering(b"HTTP/1.1 503 no\r\nRetry-After: " + pause + b"\r\n\r\n") as (url, _):
        assert await sent(url) == Answer(503, "no", seconds)


@pytest.mark.parametrize(
    ("first", "again"),
    [(b"HTTP/1.1 200 OK\r\nX: ", b"a"), (b"", b"HTTP/1.1 100 Continue\r\n\r\n"), (b"", b"")],
)
async def test_a_receiver_that_never_ends_is_no_answer(first: bytes, again: bytes) -> None:
    async with answering(first, again) as (url, _):
        assert (await sent(url, within=0.3)).status == 0


async def test_a_receiver_sets_no_cookie() -> None:
    answer = b"HTTP/1.1 204 ok\r\nSet-Cookie: a=b\r\nConnection: close\r\n\r\n"
    async with answering(answer) as (url, seen):
        assert (await sent(url, times=2)).taken
    assert len(seen) == 2
    assert b"cookie" not in seen[1].lower()


@pytest.mark.parametrize(
    "url",
    ["https://h:99999999/", "https://h:x/", "https://xn--zz/", "https://h/\0", "https://a..b/",
     "ftp://h/", "https://", "http://example.org/"],
)  # fmt: skip
def test_what_cannot_be_called_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(ValidationError):
        WebhookSettings(name="hook", url=url, secret=SECRET)  # type: ignore[arg-type]


def test_any_number_of_attempts_has_a_time_for_the_next() -> None:
    assert RetryRule(5.0, 60.0, 10_000).wait(9_999, 0.5) == 60.0
