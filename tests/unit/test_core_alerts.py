"""Alerts while the record cannot be read: they wait, and the server goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from simsvc.core.alerts import Alerts
from simsvc.core.feed import CampaignFeed
from simsvc.domain.alerts import Answer, Delivery, DeliveryState, RetryRule, Subscription
from simsvc.domain.campaign import Campaign, CampaignEvent, CampaignState, Change, Extent
from simsvc.domain.errors import UnavailableError
from simsvc.domain.verdict import Confidence
from simsvc.record.deliveries import SqlDeliveries
from simsvc.record.engine import open_engine
from tests.fakes.record import MemoryRecord
from tests.unit.helpers import FixedClock


class Taking:
    """A receiver that takes everything."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.closed = False

    async def send(self, webhook: str, delivery_id: str, body: str) -> Answer:
        self.taken.append(body)
        return Answer(204)

    async def close(self) -> None:
        self.closed = True


class Failing(MemoryRecord):
    """A record that cannot be read the next `failures` times."""

    failures = 0

    def campaign_events(self, after: int, limit: int) -> list[CampaignEvent]:
        self._fail()
        return super().campaign_events(after, limit)

    def last_position(self) -> int:
        self._fail()
        return super().last_position()

    def _fail(self) -> None:
        if self.failures:
            self.failures -= 1
            raise UnavailableError("the record cannot be read")


@pytest.fixture
def deliveries(tmp_path: Path) -> Iterator[SqlDeliveries]:
    engine = open_engine(f"sqlite:///{tmp_path / 'record.db'}", 10.0)
    yield SqlDeliveries(engine)
    engine.dispose()


def change(number: int) -> CampaignEvent:
    extent = Extent(1, 2, 3, 4, 5)
    campaign = Campaign(f"cmp_{number}", CampaignState.OPEN, 1, number, (), (), extent)
    return CampaignEvent(Change.OPENED, campaign, number)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while True:
            if holds():
                return
            await asyncio.sleep(0.01)


async def test_a_record_that_cannot_be_read_ends_nothing(
    deliveries: SqlDeliveries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simsvc.core.alerts._IDLE", 0.01)
    record, sender = Failing(), Taking()
    record.failures = 3
    with ThreadPoolExecutor(2) as readers:
        feed = CampaignFeed(record, readers)
        alerts = Alerts(
            [Subscription("hook", frozenset(), Confidence.LOW)], deliveries, record, feed, sender,
            RetryRule(1.0, 1.0, 3), FixedClock(), lambda _, event: event.campaign.campaign_id,
        )  # fmt: skip
        running = asyncio.create_task(alerts.run())
        await until(lambda: deliveries.cursor("hook") is not None)
        feed.publish(record.save_campaigns([change(1)]))
        await until(lambda: sender.taken == ["cmp_1"])
        record.failures = 3
        feed.publish(record.save_campaigns([change(2)]))
        await until(lambda: sender.taken == ["cmp_1", "cmp_2"])
        assert not running.done()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        feed.close()
    assert sender.closed


def test_only_what_was_delivered_long_ago_is_forgotten(
    deliveries: SqlDeliveries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simsvc.record.deliveries._FORGOTTEN", 2)
    done, dead = DeliveryState.DELIVERED, DeliveryState.DEAD
    made = [
        Delivery(f"msg_{i}", "hook", "cmp", Change.GREW, "{}", state, 1, at, 204, "", 1, at)
        for i, (state, at) in enumerate([(done, 1), (done, 2), (done, 3), (done, 9), (dead, 1)])
    ]
    deliveries.plan("hook", 5, made)
    assert deliveries.forget(done, 9) == 3
    assert {d.delivery_id for d in deliveries.deliveries(None, None, 10)} == {"msg_3", "msg_4"}
