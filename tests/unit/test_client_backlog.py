"""The accounts of a buffer and its decisions, on a clock of the test."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import grpc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simsvc.client import BufferOptions, ItemError, Outcome, Result, SimsvcRpcError
from simsvc.client._backlog import Backlog, Item, size_of
from simsvc.client.buffering import Remedy, Verdict, remedy_of, retry_delay, verdict_of
from simsvc.client.channel import MAX_MESSAGE_BYTES
from simsvc.client.prompts import prompt_message
from simsvc.v1 import types_pb2
from tests.unit.test_client_support import check, prompt

OPTIONS = BufferOptions(
    capacity=8,
    batch_prompts=3,
    linger=1.0,
    max_age=100.0,
    backoff_initial=2.0,
    backoff_max=16.0,
)
UNAVAILABLE = ItemError(grpc.StatusCode.UNAVAILABLE, "no")
INVALID = ItemError(grpc.StatusCode.INVALID_ARGUMENT, "no")
TAKEN = Outcome(prompt_id="1")


def message(request_id: str, text: str = "x") -> types_pb2.Prompt:
    return prompt_message(prompt(request_id, text), replace_bad_text=True)


def offer(backlog: Backlog, ids: str, now: float = 0.0) -> list[bool]:
    prompts = [message(i) for i in ids]
    return [backlog.offer(p, size_of(p), now) for p in prompts]


def ids(batch: list[Item]) -> str:
    return "".join(item.prompt.request_id for item in batch)


def make(**changes: Any) -> Backlog:
    return Backlog(replace(OPTIONS, **changes), chance=lambda: 0.0)


def test_a_batch_goes_when_full() -> None:
    backlog = make()
    offer(backlog, "ab")
    assert backlog.take(0.5) == []
    assert backlog.wake_at() == 1.0
    offer(backlog, "cd", now=0.5)
    assert backlog.wake_at() == 0.0
    assert ids(backlog.take(0.5)) == "abc"
    assert backlog.take(0.5) == []
    assert backlog.wake_at() == 1.5


def test_a_batch_goes_after_lingering() -> None:
    backlog = make()
    assert backlog.wake_at() is None
    offer(backlog, "ab")
    assert ids(backlog.take(1.0)) == "ab"
    assert backlog.wake_at() is None


def test_a_batch_is_bounded_in_bytes() -> None:
    size = size_of(message("a"))
    backlog = make(batch_bytes=2 * size)
    offer(backlog, "abc")
    assert ids(backlog.take(0.0)) == "ab"
    assert backlog.take(0.0) == []
    large = message("L", "x" * 1000)
    assert backlog.offer(large, size_of(large), 0.0)
    assert ids(backlog.take(0.0)) == "c"
    assert ids(backlog.take(0.0)) == "L"


def test_hurry() -> None:
    backlog = make()
    offer(backlog, "a")
    last = backlog.hurry()
    batch = backlog.take(0.0)
    assert ids(batch) == "a"
    assert not backlog.is_settled(last)
    offer(backlog, "b")
    assert backlog.take(0.0) == []
    backlog.settle(batch, [TAKEN], 0.0)
    assert backlog.is_settled(last)


def test_capacity_counts_what_is_on_its_way() -> None:
    backlog = make()
    assert offer(backlog, "abcdefghi") == [True] * 8 + [False]
    batch = backlog.take(0.0)
    assert offer(backlog, "j") == [False]
    backlog.settle(batch, [TAKEN] * 3, 0.0)
    assert offer(backlog, "k") == [True]
    stats = check(backlog.stats())
    assert (stats.accepted, stats.sent, stats.dropped_full, stats.pending) == (9, 3, 2, 6)


def test_capacity_in_bytes() -> None:
    size = size_of(message("a"))
    backlog = make(capacity_bytes=2 * size)
    assert offer(backlog, "abc") == [True, True, False]
    batch = backlog.take(1.0)
    backlog.settle(batch, [TAKEN, INVALID], 1.0)
    assert offer(backlog, "def") == [True, True, False]
    assert not backlog.fits(2 * size + 1)
    assert not make().fits(MAX_MESSAGE_BYTES)


def test_items_are_retried_one_by_one() -> None:
    backlog = make()
    offer(backlog, "abc")
    batch = backlog.take(0.0)
    slow = replace(UNAVAILABLE, retry_after=5.0)
    backlog.settle(batch, [TAKEN, slow, INVALID], 0.0)
    stats = check(backlog.stats())
    assert (stats.sent, stats.rejected, stats.pending) == (1, 1, 1)
    assert backlog.wake_at() == 5.0
    offer(backlog, "def", now=4.0)
    assert ids(backlog.take(4.0)) == "def"
    assert backlog.take(4.9) == []
    assert ids(backlog.take(5.0)) == "b"


def test_nothing_is_sent_for_a_while_if_nothing_gets_through() -> None:
    backlog = make()
    error = SimsvcRpcError(grpc.StatusCode.UNAVAILABLE, "no", retry_after=3.0)
    offer(backlog, "abcdef")
    first, second = backlog.take(0.0), backlog.take(0.0)
    backlog.fail(first, error, 0.0)
    backlog.fail(second, error, 0.0)
    offer(backlog, "gh")
    assert backlog.take(2.9) == []
    assert backlog.wake_at() == 3.0
    batch = backlog.take(3.0)
    assert ids(batch) == "abc"
    backlog.settle(batch, [UNAVAILABLE] * 3, 3.0)
    assert backlog.wake_at() == 5.0
    check(backlog.stats())


def test_a_call_that_is_refused_rejects_its_prompts() -> None:
    backlog = make()
    offer(backlog, "abcd")
    error = SimsvcRpcError(grpc.StatusCode.UNAUTHENTICATED, "no")
    backlog.fail(backlog.take(0.0), error, 0.0)
    stats = check(backlog.stats())
    assert (stats.rejected, stats.pending) == (3, 1)


def test_old_prompts_are_dropped() -> None:
    backlog = make()
    offer(backlog, "abcd")
    backlog.fail(backlog.take(0.0), SimsvcRpcError(grpc.StatusCode.UNAVAILABLE, "no"), 0.0)
    offer(backlog, "e", now=50.0)
    assert ids(backlog.take(100.0)) == "e"
    stats = check(backlog.stats())
    assert (stats.dropped_expired, stats.pending) == (4, 1)


def test_a_retry_comes_no_later_than_the_end() -> None:
    backlog = make()
    offer(backlog, "a")
    asked = replace(UNAVAILABLE, retry_after=1000.0)
    backlog.settle(backlog.take(1.0), [asked], 1.0)
    assert backlog.take(100.0) == []
    assert backlog.stats().dropped_expired == 1
    assert backlog.wake_at() is None


def test_old_prompts_are_dropped_during_a_pause() -> None:
    backlog = make()
    offer(backlog, "abc")
    asked = SimsvcRpcError(grpc.StatusCode.UNAVAILABLE, "no", retry_after=1000.0)
    backlog.fail(backlog.take(0.0), asked, 0.0)
    offer(backlog, "d", now=50.0)
    for now, dropped in ((100.0, 3), (150.0, 4)):
        assert backlog.wake_at() == now
        assert backlog.take(now) == []
        assert check(backlog.stats()).dropped_expired == dropped
    assert backlog.wake_at() is None


def test_old_prompts_make_room() -> None:
    backlog = make()
    offer(backlog, "abcdefgh")
    assert offer(backlog, "i", now=200.0) == [True]
    assert check(backlog.stats()).dropped_expired == 8


def test_what_has_expired_when_it_is_said_to_is_dropped_then() -> None:
    """At times whose sum with the age is rounded down, too."""
    asked = SimsvcRpcError(grpc.StatusCode.UNAVAILABLE, "no", retry_after=1000.0)
    times = [n * 0.1 for n in range(1, 2000)]
    assert any((at + 20.0) - 20.0 < at for at in times)
    for at in times:
        backlog = Backlog(replace(OPTIONS, max_age=20.0), chance=lambda: 0.5)
        offer(backlog, "x", at)
        backlog.fail(backlog.take(at + OPTIONS.linger), asked, at)
        due = backlog.wake_at()
        assert due == at + 20.0
        assert backlog.take(due) == []
        assert backlog.wake_at() is None
        assert check(backlog.stats()).dropped_expired == 1


_RESULTS: st.SearchStrategy[Result] = st.sampled_from(
    [TAKEN, TAKEN, UNAVAILABLE, replace(UNAVAILABLE, retry_after=7), INVALID]
)
_CODES = st.sampled_from(
    [
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.DEADLINE_EXCEEDED,
    ]
)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_nothing_is_lost_whatever_happens(data: st.DataObject) -> None:
    backlog = Backlog(replace(OPTIONS, max_age=20.0), chance=lambda: 0.5)
    now, offered, flying = 0.0, 0, []
    for _ in range(data.draw(st.integers(1, 40))):
        now += data.draw(st.sampled_from([0.0, 0.3, 2.0, 9.0]))
        match data.draw(st.sampled_from(["offer", "take", "settle", "fail", "hurry"])):
            case "offer":
                offer(backlog, "x", now)
                offered += 1
            case "take":
                flying += [batch] if (batch := backlog.take(now)) else []
            case "settle" if flying:
                batch = flying.pop()
                results: list[Result] = [data.draw(_RESULTS) for _ in batch]
                backlog.settle(batch, results, now)
            case "fail" if flying:
                backlog.fail(flying.pop(), SimsvcRpcError(data.draw(_CODES), "no"), now)
            case "hurry":
                backlog.hurry()
        stats = check(backlog.stats())
        assert stats.accepted + stats.dropped_full == offered
        assert stats.pending >= sum(map(len, flying))
    _drain(backlog, flying, now)


def _drain(backlog: Backlog, flying: list[list[Item]], now: float) -> None:
    """A server that is well again gets everything that is not too old."""
    for batch in flying:
        backlog.settle(batch, [TAKEN] * len(batch), now)
    while (wake_at := backlog.wake_at()) is not None:
        now = max(now, wake_at)
        if batch := backlog.take(now):
            backlog.settle(batch, [TAKEN] * len(batch), now)
    assert check(backlog.stats()).pending == 0
    assert backlog.is_settled(backlog.hurry())
