"""What both buffers decide by: codes, delays, options."""

from __future__ import annotations

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsvc.client import BufferOptions, ItemError, SimsvcRpcError
from simsvc.client.buffering import Remedy, Verdict, remedy_of, retry_delay, verdict_of
from simsvc.client.channel import MAX_MESSAGE_BYTES
from tests.unit.test_client_backlog import OPTIONS, TAKEN


@pytest.mark.parametrize("code", list(grpc.StatusCode))
def test_verdicts(code: grpc.StatusCode) -> None:
    transient = code.name in ("UNAVAILABLE", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED")
    expected = Verdict.RETRY if transient else Verdict.REJECTED
    assert verdict_of(ItemError(code, "no")) is expected
    assert verdict_of(TAKEN) is Verdict.SENT


REMEDIES = {
    "INVALID_ARGUMENT": Remedy.PARTS,
    "DEADLINE_EXCEEDED": Remedy.TIME_AND_PARTS,
    "INTERNAL": Remedy.TIME_AND_PARTS,
    "UNKNOWN": Remedy.TIME_AND_PARTS,
    "RESOURCE_EXHAUSTED": Remedy.ROOM,
    "UNAVAILABLE": Remedy.TIME,
    "CANCELLED": Remedy.TIME,
}


@pytest.mark.parametrize("code", list(grpc.StatusCode))
def test_remedies(code: grpc.StatusCode) -> None:
    expected = REMEDIES.get(code.name, Remedy.NONE)
    assert remedy_of(SimsvcRpcError(code, "no")) is expected


def test_delays_double_up_to_the_maximum() -> None:
    delays = [retry_delay(n, None, OPTIONS, 0.0) for n in (1, 2, 3, 4, 5, 2000)]
    assert delays == [1.0, 2.0, 4.0, 8.0, 8.0, 8.0]


@given(
    st.integers(1, 100),
    st.none() | st.floats(0, 1000),
    st.floats(0, 1, exclude_max=True),
)
def test_delays_honour_retry_after(attempts: int, asked: float | None, chance: float) -> None:
    delay = retry_delay(attempts, asked, OPTIONS, chance)
    assert (asked or 0.0) <= delay <= max(OPTIONS.backoff_max, 1.25 * (asked or 0.0))
    assert delay > 0


@pytest.mark.parametrize("name", ["capacity", "linger", "max_age", "senders", "backoff_max"])
def test_options_must_be_positive(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        BufferOptions(**{name: 0})


def test_a_batch_must_fit_in_a_message() -> None:
    with pytest.raises(ValueError, match="batch_bytes"):
        BufferOptions(batch_bytes=MAX_MESSAGE_BYTES)
