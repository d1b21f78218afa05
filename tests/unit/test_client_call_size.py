"""What becomes of batches that are too much for one call."""

from __future__ import annotations

import grpc
import pytest

from simsvc.client import SimsvcRpcError
from simsvc.client.buffering import CallSize, Remedy
from tests.unit.test_client_backlog import OPTIONS, TAKEN, ids, make, offer
from tests.unit.test_client_support import check

REFUSED = SimsvcRpcError(grpc.StatusCode.INVALID_ARGUMENT, "holds more than 1 prompts")


TOO_LONG = SimsvcRpcError(
    grpc.StatusCode.RESOURCE_EXHAUSTED, "SERVER: Received message larger than max (9 vs. 5)"
)


@pytest.mark.parametrize("error", [REFUSED, TOO_LONG])
def test_a_batch_that_is_refused_goes_again_in_parts_at_once(error: SimsvcRpcError) -> None:
    backlog = make(batch_prompts=4)
    offer(backlog, "abcd")
    backlog.fail(backlog.take(0.0), error, 0.0)
    first, second = backlog.take(0.0), backlog.take(0.0)
    assert (ids(first), ids(second)) == ("ab", "cd")
    backlog.fail(first, REFUSED, 0.0)
    assert [ids(backlog.take(0.0)) for _ in range(2)] == ["a", "b"]
    assert check(backlog.stats()).pending == 4


@pytest.mark.parametrize("error", [REFUSED, TOO_LONG])
def test_a_prompt_that_is_refused_alone_is_rejected(error: SimsvcRpcError) -> None:
    backlog = make(batch_prompts=2)
    offer(backlog, "ab")
    backlog.fail(backlog.take(0.0), error, 0.0)
    backlog.fail(backlog.take(0.0), error, 0.0)
    backlog.settle(backlog.take(0.0), [TAKEN], 0.0)
    stats = check(backlog.stats())
    assert (stats.rejected, stats.sent, stats.pending) == (1, 1, 0)


@pytest.mark.parametrize("code", ["INTERNAL", "UNKNOWN"])
def test_a_prompt_that_makes_a_server_fail_takes_no_others_with_it(code: str) -> None:
    backlog = make(batch_prompts=4)
    offer(backlog, "abcd")
    now = 0.0
    while backlog.stats().pending:
        now = max(now, backlog.wake_at() or 0.0)
        batch = backlog.take(now)
        if "c" in ids(batch):
            backlog.fail(batch, SimsvcRpcError(grpc.StatusCode[code], "no"), now)
        else:
            backlog.settle(batch, [TAKEN] * len(batch), now)
    stats = check(backlog.stats())
    assert (stats.rejected, stats.sent, stats.dropped_expired) == (1, 3, 0)


def test_what_took_too_long_waits_and_goes_in_parts() -> None:
    backlog = make()
    offer(backlog, "abc")
    backlog.fail(backlog.take(0.0), SimsvcRpcError(grpc.StatusCode.DEADLINE_EXCEEDED, "no"), 0.0)
    assert backlog.take(0.5) == []
    assert ids(backlog.take(OPTIONS.backoff_initial)) == "a"


def test_a_server_that_is_overloaded_gets_the_same_again_later() -> None:
    backlog = make()
    offer(backlog, "abc")
    error = SimsvcRpcError(grpc.StatusCode.RESOURCE_EXHAUSTED, "no", "OVERLOADED")
    now = 0.0
    for _ in range(3):
        backlog.fail(backlog.take(now), error, now)
        assert backlog.take(now) == []
        now = backlog.wake_at() or 0.0
    assert ids(backlog.take(now)) == "abc"


def test_large_calls_become_smaller_while_there_is_no_room_for_them() -> None:
    size = CallSize(256)
    size.failed(256, Remedy.ROOM, 0)
    assert size.most == 256
    for failures, most in ((1, 128), (2, 64), (3, 32), (4, 32)):
        size.failed(size.most, Remedy.ROOM, failures)
        assert size.most == most
    size.failed(32, Remedy.TIME, 5)
    assert size.most == 32


def test_fewer_prompts_are_enough_for_a_batch_then() -> None:
    backlog = make()
    offer(backlog, "abc")
    backlog.fail(backlog.take(0.0), REFUSED, 0.0)
    for _ in "abc":
        backlog.settle(backlog.take(0.0), [TAKEN], 0.0)
    offer(backlog, "d", now=1.0)
    assert ids(backlog.take(1.0)) == "d"


def test_calls_grow_again_when_all_is_well() -> None:
    size = CallSize(100)
    size.failed(100, Remedy.PARTS, 0)
    size.failed(80, Remedy.PARTS, 0)
    assert size.most == 40
    sizes = []
    for _ in range(40):
        size.taken()
        sizes.append(size.most)
    assert sorted(set(sizes)) == [40, 80, 100]
    assert sizes == sorted(sizes)
    assert sizes[0] == 40
