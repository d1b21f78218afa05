"""What a buffer drops, counts and gives up, and how it ends."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from simsvc.client import (
    AsyncClient,
    AsyncPromptBuffer,
    BufferOptions,
    BufferStats,
    Client,
    ObservedPrompt,
    PromptBuffer,
)
from tests.unit.client_buffers import (
    BATCH,
    DEADLINE_EXCEEDED,
    FAST,
    INTERNAL,
    SOON,
    Buffer,
    Gate,
    flushed,
    gate,
    make,
    script,
    wait_for,
)
from tests.unit.test_client_support import (
    INVALID,
    OVERLOADED,
    Script,
    check,
    fail,
    items,
    prompt,
)


def test_a_full_buffer_drops_and_counts(
    make: Callable[..., Buffer], gate: Gate, script: Script
) -> None:
    buffer = make(capacity=5)
    assert [buffer.put(prompt(str(i))) for i in range(7)] == [True] * 5 + [False] * 2
    assert not buffer.put(prompt("8"), timeout=0.02)
    assert check(buffer.stats()).dropped_full == 3
    gate.opened.set()
    assert buffer.put(prompt("9"), timeout=SOON)
    assert flushed(buffer)
    stats = check(buffer.stats())
    assert (stats.accepted, stats.sent) == (6, 6)


def test_put_does_not_wait_for_the_server(make: Callable[..., Buffer], gate: Gate) -> None:
    buffer = make(capacity=500, batch_prompts=10)
    started = time.monotonic()
    for i in range(1000):
        buffer.put(prompt(str(i)))
    assert time.monotonic() - started < SOON / 2
    assert not gate.opened.is_set()
    stats = check(buffer.stats())
    assert (stats.accepted, stats.dropped_full, stats.pending) == (500, 500, 500)


def test_a_prompt_that_never_fits(make: Callable[..., Buffer]) -> None:
    buffer = make(capacity_bytes=1000)
    assert not buffer.put(prompt("a", "x" * 2000), timeout=SOON)
    assert check(buffer.stats()).dropped_full == 1
    assert buffer.put(prompt("b"))


def test_a_prompt_that_cannot_be_encoded(make: Callable[..., Buffer]) -> None:
    buffer = make()
    with pytest.raises(ValueError, match="unknown role"):
        buffer.put(ObservedPrompt("r", "a", [("human", "x")]))
    assert buffer.stats() == BufferStats(0, 0, 0, 0, 0, 0)


def test_old_prompts_are_dropped(script: Script, make: Callable[..., Buffer]) -> None:
    script.steps[BATCH] = [fail(DEADLINE_EXCEEDED)] * 10_000
    buffer = make(max_age=0.1)
    for i in range(10):
        buffer.put(prompt(str(i)))
    assert flushed(buffer)
    stats = check(buffer.stats())
    assert (stats.dropped_expired, stats.sent) == (10, 0)
    assert script.observed == []


def test_flush_gives_up(make: Callable[..., Buffer], gate: Gate) -> None:
    buffer = make()
    buffer.put(prompt())
    assert not buffer.flush(0.05)
    assert check(buffer.stats()).pending == 1
    gate.opened.set()
    assert flushed(buffer)


def test_close_sends_what_is_left(script: Script, make: Callable[..., Buffer]) -> None:
    buffer = make(linger=60.0)
    buffer.put(prompt("a"))
    assert buffer.close(SOON)
    assert script.observed == ["a"]
    assert not buffer.put(prompt("b"), timeout=SOON)
    stats = check(buffer.stats())
    assert (stats.accepted, stats.sent, stats.dropped_full) == (1, 1, 1)
    assert buffer.close(SOON)


def test_close_gives_up_and_says_what_is_left(
    make: Callable[..., Buffer], gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    buffer = make(batch_prompts=2)
    for i in range(10):
        buffer.put(prompt(str(i)))
    assert not buffer.close(0.05)
    assert check(buffer.stats()).pending == 10
    assert "10 prompts were pending" in caplog.text
    # Nobody sends them any more: to wait for them would be for ever.
    assert not buffer.flush()


def test_prompts_that_are_not_taken_are_logged_now_and_then(
    make: Callable[..., Buffer], gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    buffer = make(capacity=2)
    assert sum(buffer.put(prompt(str(i))) for i in range(102)) == 2
    told = [r.getMessage() for r in caplog.records if "not accepted" in r.getMessage()]
    assert told == [f"{2**n} prompts not accepted so far" for n in range(7)]


def test_a_client_that_is_closed_too_early(script: Script, make: Callable[..., Any]) -> None:
    buffer = make(max_age=0.3)
    buffer.close_client()
    buffer.put(prompt())
    assert flushed(buffer)
    assert check(buffer.stats()).dropped_expired == 1


def test_a_client_that_is_closed_during_a_call(
    script: Script, make: Callable[..., Any], gate: Gate
) -> None:
    buffer = make(max_age=0.5)
    buffer.put(prompt())
    wait_for(lambda: len(script.calls) == 1)
    buffer.close_client()
    assert flushed(buffer)
    assert check(buffer.stats()).dropped_expired == 1


def test_many_threads(script: Script) -> None:
    script.steps[BATCH] = [
        items(OVERLOADED, OVERLOADED, INVALID),
        fail(DEADLINE_EXCEEDED),
        fail(INTERNAL),
    ] * 3
    options = BufferOptions(**FAST, batch_prompts=16, senders=4)
    with Client(script.connection()) as client, PromptBuffer(client, options) as buffer:

        def work(name: int) -> None:
            for i in range(200):
                assert buffer.put(prompt(f"{name}-{i}"), timeout=SOON)
                check(buffer.stats())

        threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert flushed(buffer)
        stats = check(buffer.stats())
    assert (stats.accepted, stats.pending, stats.dropped_full) == (800, 0, 0)
    assert len(script.observed) == len(set(script.observed)) == stats.sent
    assert stats.rejected >= 3


async def test_put_of_a_full_aio_buffer_does_not_yield(script: Script) -> None:
    async with AsyncClient(script.connection()) as client:
        async with AsyncPromptBuffer(client, BufferOptions(**FAST, capacity=2)) as buffer:
            ran = asyncio.Event()
            asyncio.get_running_loop().call_soon(ran.set)
            assert [await buffer.put(prompt(i)) for i in "abc"] == [True, True, False]
            assert not ran.is_set()
        assert check(buffer.stats()).sent == 2
