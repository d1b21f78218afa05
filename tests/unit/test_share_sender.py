"""What a webhook's receiver answers must not stop the server, which ends with its alerts."""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter

import pytest

from simsvc.domain.alerts import Answer
from simsvc.share.sender import Receiver, WebhookSender


async def answered(retry_after: bytes) -> Answer:
    """Return what the sender makes of a receiver that answers 503 with this Retry-After."""

    async def answer(reader: StreamReader, writer: StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 503 No\r\nRetry-After: " + retry_after + b"\r\n")
        writer.write(b"Content-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    sender = WebhookSender({"one": Receiver(f"http://{host}:{port}/", b"k" * 32)}, 10.0)
    async with server:
        try:
            return await sender.send("one", "msg_1", "{}")
        finally:
            await sender.close()


@pytest.mark.parametrize(
    ("retry_after", "pause"),
    [
        (b"7", 7.0),
        (b"9" * 400, 6 * 3600.0),
        (b"\xb2", 0.0),
        ("²".encode(), 0.0),
        (b"soon", 0.0),
        (b"Mon, 01 Jan 2024 00:00:00 +99999999999999", 0.0),
        (b"Mon, 01 Jan 99999999999999999999 00:00:00 GMT", 0.0),
        (b"Mon, 99999999999999999999 Jan 2024 00:00:00 GMT", 0.0),
    ],
)
async def test_any_retry_after_is_a_pause_or_none(retry_after: bytes, pause: float) -> None:
    answer = await answered(retry_after)
    assert (answer.status, answer.retry_after) == (503, pause)
