"""What becomes of batches that are too much for one call."""

from __future__ import annotations

import grpc
import pytest

from simsvc.client import SimsvcRpcError
from simsvc.client.buffering import CallSize
from tests.unit.test_client_backlog import OPTIONS, TAKEN, ids, make, offer
from tests.unit.test_client_support import check

REFUSED = SimsvcRpcError(grpc.StatusCode.INVALID_ARGUMENT, "holds more than 1 prompts")


@pytest.mark.parametrize("code", ["INVALID_ARGUMENT", "RESOURCE_EXHAUSTED"])
def test_a_batch_that_is_refused_goes_again_in_parts_at_once(code: str) -> None:
    backlog = make(batch_prompts=4)
    offer(backlog, "abcd")
    backlog.fail(backlog.take(0.0), SimsvcRpcError(grpc.StatusCode[code], "no"), 0.0)
    first, second = backlog.take(0.0), backlog.take(0.0)
    assert (ids(first), ids(second)) == ("ab", "cd")
    backlog.fail(first, REFUSED, 0.0)
    assert [ids(backlog.take(0.0)) for _ in range(2)] == ["a", "b"]
    assert check(backlog.stats()).pending == 4


def test_a_prompt_that_is_refused_alone_is_rejected() -> None:
    backlog = make(batch_prompts=2)
    offer(backlog, "ab")
    backlog.fail(backlog.take(0.0), REFUSED, 0.0)
    backlog.fail(backlog.take(0.0), REFUSED, 0.0)
    backlog.settle(backlog.take(0.0), [TAKEN], 0.0)
    stats = check(backlog.stats())
    assert (stats.rejected, stats.sent, stats.pending) == (1, 1, 0)


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
    backlog.fail(backlog.take(0.0), error, 0.0)
    assert backlog.take(0.0) == []
    assert ids(backlog.take(OPTIONS.backoff_initial)) == "abc"


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
    size.refused(100)
    size.refused(80)
    assert size.most == 40
    sizes = []
    for _ in range(40):
        size.taken()
        sizes.append(size.most)
    assert sorted(set(sizes)) == [40, 80, 100]
    assert sizes == sorted(sizes)
    assert sizes[0] == 40
