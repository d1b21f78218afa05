"""Full collections are short, and come often enough."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest

from simsvc import collecting
from simsvc.collecting import collect_in_parts, no_collection


class Cycle:
    """Garbage that only a collector finds."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(collecting, "_EVERY", 0.001)
    # What earlier tests of this process left out would look like the work of these.
    gc.unfreeze()
    yield
    gc.unfreeze()
    gc.enable()


async def test_what_is_left_of_a_collection_is_left_out_of_the_next() -> None:
    before = gc.get_threshold()
    running = asyncio.create_task(collect_in_parts())
    await asyncio.sleep(0)
    seen: list[int] = []
    gc.callbacks.append(lambda phase, info: seen.append(info["generation"]))
    held = []
    garbage = weakref.ref(Cycle())
    try:
        async with asyncio.timeout(20):
            while gc.get_freeze_count() == 0 or garbage() is not None:
                held += [[i] for i in range(2000)]
                await asyncio.sleep(0.001)
        # Twice for each that was asked for, and none that was not.
        asked = seen.count(2)
        held += [[i] for i in range(200_000)]
        assert seen.count(2) == asked > 0
    finally:
        gc.callbacks.pop()
        running.cancel()
        await asyncio.wait([running])
    assert gc.get_freeze_count() >= 2000
    assert gc.get_threshold() == before


def test_what_is_made_for_good_is_not_gone_through() -> None:
    with no_collection():
        assert not gc.isenabled()
        held = [[i] for i in range(10_000)]
    assert gc.isenabled()
    assert gc.get_freeze_count() >= len(held)
