"""The feed of changes: resumed anywhere, shared, ended by close."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from simsvc.core.feed import CampaignFeed
from simsvc.domain.campaign import Campaign, CampaignEvent, CampaignState, Change, Extent
from tests.fakes.record import MemoryRecord


@pytest.fixture
def readers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


@pytest.fixture
async def feed(readers: ThreadPoolExecutor) -> CampaignFeed:
    return CampaignFeed(MemoryRecord(), readers)


def change(number: int) -> CampaignEvent:
    extent = Extent(1, 2, 3, 4, 5)
    name = f"cmp_{number}"
    campaign = Campaign(name, CampaignState.OPEN, 1, number, (number,), (), extent)
    return CampaignEvent(Change.OPENED, campaign, number)


def report(feed: CampaignFeed, *numbers: int) -> None:
    feed.publish(feed._record.save_campaigns([change(n) for n in numbers]))


async def first(events: AsyncIterator[CampaignEvent], count: int) -> list[int]:
    async with asyncio.timeout(10):
        return [(await anext(events)).at for _ in range(count)]


async def test_from_any_position(feed: CampaignFeed) -> None:
    report(feed, 10, 20, 30)
    assert await first(feed.follow(0), 3) == [10, 20, 30]
    following = feed.follow(1)
    assert await first(following, 2) == [20, 30]
    report(feed, 40)
    assert await first(following, 1) == [40]


async def test_more_than_one_read_takes(feed: CampaignFeed) -> None:
    report(feed, *range(1, 251))
    assert await first(feed.follow(0), 250) == [*range(1, 251)]


async def test_two_followers_each_get_all(feed: CampaignFeed) -> None:
    both = [asyncio.create_task(first(feed.follow(0), 4)) for _ in range(2)]
    for number in range(1, 5):
        report(feed, number)
        await asyncio.sleep(0.002)
    assert await asyncio.gather(*both) == [[1, 2, 3, 4]] * 2


async def test_nothing_is_lost_between_a_read_and_the_wait(feed: CampaignFeed) -> None:
    following = asyncio.create_task(first(feed.follow(0), 1))
    await asyncio.sleep(0)  # the read is on its way, and finds nothing or all
    await asyncio.to_thread(report, feed, 1)
    assert await following == [1]


async def test_publishing_nothing_wakes_nobody(feed: CampaignFeed) -> None:
    waiting = asyncio.create_task(anext(feed.follow(0)))
    await asyncio.sleep(0.01)
    feed.publish([])
    await asyncio.sleep(0.01)
    assert not waiting.done()
    waiting.cancel()


async def test_close_ends_all(feed: CampaignFeed) -> None:
    async def collect() -> list[int]:
        return [event.at async for event in feed.follow(0)]

    report(feed, 1, 2)
    both = [asyncio.create_task(collect()) for _ in range(2)]
    await asyncio.sleep(0.02)
    assert not any(task.done() for task in both)
    feed.close()
    async with asyncio.timeout(10):
        assert await asyncio.gather(*both) == [[1, 2]] * 2
        assert await collect() == []
