"""Both buffers against a scripted server."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest

from tests.unit.client_buffers import (
    BATCH,
    DEADLINE_EXCEEDED,
    INTERNAL,
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
    taken,
)


def test_everything_arrives_once_in_batches(script: Script, make: Callable[..., Buffer]) -> None:
    buffer = make(batch_prompts=20, linger=5.0)
    names = [str(i) for i in range(100)]
    assert all(buffer.put(prompt(name)) for name in names)
    assert flushed(buffer)
    assert sorted(script.observed) == sorted(names)
    stats = check(buffer.stats())
    assert (stats.sent, stats.pending, stats.dropped_full) == (100, 0, 0)
    assert len(script.requests(BATCH)) == 5


def test_a_prompt_alone_is_sent_after_lingering(
    script: Script, make: Callable[..., Buffer]
) -> None:
    buffer = make()
    buffer.put(prompt("a"))
    wait_for(lambda: buffer.stats().sent == 1)
    assert script.observed == ["a"]


def test_a_full_batch_does_not_linger(script: Script, make: Callable[..., Buffer]) -> None:
    buffer = make(linger=60.0, batch_prompts=2)
    for name in "abc":
        buffer.put(prompt(name))
        # Lets a sender see the first and wait for more.
        time.sleep(0.02)
    wait_for(lambda: buffer.stats().sent == 2)
    assert script.observed == ["a", "b"]


def test_one_slow_call_does_not_hold_up_the_rest(
    script: Script, make: Callable[..., Buffer], gate: Gate
) -> None:
    script.steps[BATCH] = [gate]
    buffer = make(batch_prompts=1, linger=60.0)
    for name in "abcd":
        buffer.put(prompt(name))
    wait_for(lambda: buffer.stats().sent == 3)
    gate.opened.set()
    assert flushed(buffer)


def test_flush_of_nothing(make: Callable[..., Buffer]) -> None:
    assert make().flush(0.0)


def test_prompts_get_a_time(script: Script, make: Callable[..., Buffer]) -> None:
    buffer = make()
    then = datetime(2026, 1, 1, tzinfo=UTC)
    before = datetime.now(UTC)
    buffer.put(prompt("a"))
    buffer.put(prompt("b", observed_at=then))
    assert flushed(buffer)
    times = [
        p.observed_at.ToDatetime(UTC) for request in script.requests(BATCH) for p in request.prompts
    ]
    assert before <= times[0] <= datetime.now(UTC)
    assert times[1] == then


def test_items_that_fail(script: Script, make: Callable[..., Buffer]) -> None:
    script.steps[BATCH] = [items(OVERLOADED, INVALID), items(OVERLOADED)]
    buffer = make(linger=5.0)
    for name in "abc":
        buffer.put(prompt(name))
    assert flushed(buffer)
    stats = check(buffer.stats())
    assert (stats.sent, stats.rejected) == (2, 1)
    sent = [[p.request_id for p in r.prompts] for r in script.requests(BATCH)]
    assert sent == [["a", "b", "c"], ["a"], ["a"]]


def test_calls_that_fail_for_now(script: Script, make: Callable[..., Buffer]) -> None:
    script.steps[BATCH] = [fail(DEADLINE_EXCEEDED, retry_after=0.02), fail(DEADLINE_EXCEEDED)]
    buffer = make()
    buffer.put(prompt("a"))
    assert flushed(buffer)
    assert check(buffer.stats()).sent == 1
    assert len(script.requests(BATCH)) == 3


def test_calls_that_are_refused(
    script: Script, make: Callable[..., Buffer], caplog: pytest.LogCaptureFixture
) -> None:
    script.steps[BATCH] = [fail(INTERNAL)] * 3
    buffer = make()
    with caplog.at_level(logging.WARNING, "simsvc.client"):
        buffer.put(prompt("a", "a secret"))
        assert flushed(buffer)
    assert check(buffer.stats()).rejected == 1
    assert "INTERNAL" in caplog.text
    assert "a secret" not in caplog.text


def test_a_server_that_comes_up_late(script: Script, make: Callable[..., Buffer]) -> None:
    down = threading.Event()

    def behave(request: Any, context: grpc.ServicerContext) -> Any:
        if down.is_set():
            return taken(request, context)
        return fail(DEADLINE_EXCEEDED)(request, context)

    script.steps[BATCH] = [behave] * 10_000
    buffer = make()
    for i in range(50):
        assert buffer.put(prompt(str(i)))
    wait_for(lambda: len(script.calls) >= 3)
    assert check(buffer.stats()).pending == 50
    down.set()
    assert flushed(buffer)
    assert check(buffer.stats()).sent == 50
