"""Permits: shed, wait, never leak."""

from __future__ import annotations

import asyncio

import pytest

from simsvc.core.admission import Admission
from simsvc.domain.errors import OverloadedError


async def turn() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_sheds_what_does_not_fit() -> None:
    admission = Admission(10)
    admission.admit(8)
    with pytest.raises(OverloadedError) as caught:
        admission.admit(3)
    assert caught.value.retry_after > 0
    admission.admit(2)
    admission.release(10)
    assert admission.in_use == 0


def test_an_idle_service_takes_a_request_of_any_size() -> None:
    admission = Admission(10)
    admission.admit(50)
    with pytest.raises(OverloadedError):
        admission.admit(1)


async def test_waiters_come_in_turn() -> None:
    admission, order = Admission(4), []

    async def take(name: str, count: int) -> None:
        await admission.wait(count)
        order.append(name)

    admission.admit(4)
    tasks = [asyncio.create_task(take(n, c)) for n, c in (("big", 4), ("small", 1))]
    await turn()
    with pytest.raises(OverloadedError):
        admission.admit(1)  # nobody jumps the queue
    admission.release(2)
    await turn()
    assert order == []
    admission.release(2)
    await turn()
    assert order == ["big"]
    admission.release(4)
    await turn()
    assert order == ["big", "small"]
    assert admission.in_use == 1
    await asyncio.gather(*tasks)


@pytest.mark.parametrize("granted", [False, True])
async def test_a_waiter_that_leaves_takes_no_permit_along(granted: bool) -> None:
    admission = Admission(2)
    admission.admit(2)
    leaving = asyncio.create_task(admission.wait(1))
    staying = asyncio.create_task(admission.wait(2))
    await turn()
    if granted:
        admission.release(2)  # granted, but the task has not run yet
    leaving.cancel()
    await turn()
    if not granted:
        admission.release(2)
    await asyncio.wait_for(staying, 5)
    assert admission.in_use == 2
