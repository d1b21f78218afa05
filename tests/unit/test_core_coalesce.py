"""Reads that are asked for together are made together."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from simsvc.core.coalesce import Coalescer


class Source:
    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        self.open = threading.Event()
        self.open.set()

    def read(self, keys: Sequence[int]) -> dict[int, str]:
        assert self.open.wait(10)
        self.calls.append(list(keys))
        if -1 in keys:
            raise LookupError("broken")
        return {key: f"v{key}" for key in keys if key % 2 == 0}


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def coalescer(source: Source) -> Coalescer[int, str]:
    return Coalescer(source.read, ThreadPoolExecutor(1), 4)


async def test_one_read_for_all(source: Source, coalescer: Coalescer[int, str]) -> None:
    source.open.clear()
    first = asyncio.create_task(coalescer.get([0]))
    await asyncio.sleep(0.01)
    others = [asyncio.create_task(coalescer.get([2, 3, 2])) for _ in range(5)]
    await asyncio.sleep(0)
    source.open.set()
    assert await first == {0: "v0"}
    assert await asyncio.gather(*others) == [{2: "v2"}] * 5
    assert source.calls == [[0], [2, 3]]


async def test_no_more_than_the_most(source: Source, coalescer: Coalescer[int, str]) -> None:
    assert len(await coalescer.get(range(0, 20, 2))) == 10
    assert [len(call) for call in source.calls] == [4, 4, 2]
    assert await coalescer.get([]) == {}


async def test_an_error_reaches_all_and_the_next_read_works(
    source: Source, coalescer: Coalescer[int, str]
) -> None:
    results = await asyncio.gather(coalescer.get([-1]), coalescer.get([2]), return_exceptions=True)
    assert all(isinstance(r, LookupError) for r in results)
    assert await coalescer.get([2]) == {2: "v2"}


async def test_leaving_hurts_nobody_else(source: Source, coalescer: Coalescer[int, str]) -> None:
    source.open.clear()
    leaving, staying = (asyncio.create_task(coalescer.get([2])) for _ in range(2))
    await asyncio.sleep(0.01)
    leaving.cancel()
    source.open.set()
    assert await staying == {2: "v2"}
