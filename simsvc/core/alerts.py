"""Alerts: each change of a campaign that a webhook wants is told to it at least once.

The record has a cursor for each webhook and every alert until it is delivered, so that nothing is
lost when the server ends, and a receiver that is down holds up nobody.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Callable, Mapping, Sequence

import structlog

from simsvc.core.feed import CampaignFeed
from simsvc.domain.alerts import Answer, Delivery, DeliveryState, RetryRule, Subscription, settled
from simsvc.domain.campaign import CampaignEvent
from simsvc.domain.errors import NotFoundError, NotNowError, UnavailableError
from simsvc.ports.clock import Clock
from simsvc.ports.deliveries import KeepsDeliveries, Sends
from simsvc.ports.record import Record

_BATCH = 20
_IDLE = 5.0
_MICRO = 1_000_000
_DAY = 86400 * _MICRO
# How long what was delivered can be looked up, and what was not can be tried again.
_KEPT = {DeliveryState.DELIVERED: 7 * _DAY, DeliveryState.DEAD: 90 * _DAY}
_TIDY_EVERY = 3600 * _MICRO
_log = structlog.get_logger()


class Alerts:
    """Tells webhooks, and lets operators look after it. Used from one event loop.

    `body` writes an alert for a change, given its id.
    """

    def __init__(
        self,
        subscriptions: Sequence[Subscription],
        deliveries: KeepsDeliveries,
        record: Record,
        feed: CampaignFeed,
        sender: Sends,
        rule: RetryRule,
        clock: Clock,
        body: Callable[[str, CampaignEvent], str],
    ) -> None:
        self._subscriptions = {s.name: s for s in subscriptions}
        self._deliveries = deliveries
        self._record = record
        self._feed = feed
        self._sender = sender
        self._rule = rule
        self._clock = clock
        self._body = body
        self._wake = {name: asyncio.Event() for name in self._subscriptions}
        self._gone: set[str] = set()
        self._tidied = 0
        self.delivered = 0
        self.failed = 0
        self.dead = 0

    @property
    def webhooks(self) -> Mapping[str, Subscription]:
        """What each webhook wants."""
        return self._subscriptions

    def is_gone(self, name: str) -> bool:
        """Return whether a receiver has answered that it wants no more (410)."""
        return name in self._gone

    async def run(self) -> None:
        """Tell every webhook until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                # Without any, this waits all the same: an end would end the server.
                tasks.create_task(asyncio.Event().wait())
                for subscription in self._subscriptions.values():
                    tasks.create_task(self._plan(subscription))
                    tasks.create_task(self._send(subscription.name))
        finally:
            await self._sender.close()

    async def page(
        self, state: DeliveryState | None, after: tuple[int, str] | None, size: int
    ) -> list[Delivery]:
        """Return deliveries, newest first."""
        return await asyncio.to_thread(self._deliveries.deliveries, state, after, size)

    async def retry(self, delivery_id: str) -> None:
        """Try a dead delivery again. NotFoundError if there is no dead one of this id."""
        now = self._clock.now()
        if not await asyncio.to_thread(self._deliveries.retry, delivery_id, now):
            raise NotFoundError("dead delivery")
        for event in self._wake.values():
            event.set()

    async def test(self, name: str, body: Callable[[str], str]) -> Answer:
        """Send what `body` writes, given its id, to a webhook at once, once.

        NotFoundError if there is no such webhook.
        """
        if name not in self._subscriptions:
            raise NotFoundError("webhook")
        if name in self._gone:
            raise NotNowError("WEBHOOK_GONE", "the receiver has answered 410: restart to try again")
        test_id = f"msg_test_{self._clock.now()}"
        return await self._sender.send(name, test_id, body(test_id))

    async def _plan(self, subscription: Subscription) -> None:
        """Note what is to be told, as it happens; where the record cannot be read, later."""
        while True:
            try:
                await self._follow(subscription)
            except UnavailableError:
                await asyncio.sleep(_IDLE)
            else:
                return

    async def _follow(self, subscription: Subscription) -> None:
        name = subscription.name
        cursor = await asyncio.to_thread(self._deliveries.cursor, name)
        if cursor is None:
            # A new webhook is not told the past.
            cursor = await asyncio.to_thread(self._last_position)
            await self._note(name, cursor, [])
        async for event in self._feed.follow(cursor):
            wanted = subscription.wants(event.change, event.campaign.confidence)
            await self._note(name, event.position, [self._made(name, event)] if wanted else [])
            if wanted:
                self._wake[name].set()

    async def _note(self, name: str, cursor: int, deliveries: list[Delivery]) -> None:
        """Write down until it is written: what is not noted is not told."""
        while True:
            try:
                await asyncio.to_thread(self._deliveries.plan, name, cursor, deliveries)
            except UnavailableError:
                await asyncio.sleep(_IDLE)
            else:
                return

    async def _send(self, name: str) -> None:
        """Send what is due, one after the other; then wait for more."""
        while True:
            try:
                due = await asyncio.to_thread(self._deliveries.due, name, self._clock.now(), _BATCH)
                for delivery in due:
                    await self._attempt(delivery)
                if not due:
                    await self._rest(name)
            except UnavailableError:
                await asyncio.sleep(_IDLE)
            if name in self._gone:
                return

    async def _attempt(self, delivery: Delivery) -> None:
        name = delivery.webhook
        if name in self._gone:
            return
        answer = await self._sender.send(name, delivery.delivery_id, delivery.body)
        # Chance spreads retries, no secret.
        jitter = random.random()  # noqa: S311
        after = settled(delivery, answer, self._rule, self._clock.now(), jitter)
        if answer.gone:
            self._gone.add(name)
            _log.error("webhook_gone", webhook=name)
        self._count(after, answer)
        await asyncio.to_thread(self._deliveries.settle, after)

    def _count(self, after: Delivery, answer: Answer) -> None:
        if after.state is DeliveryState.DELIVERED:
            self.delivered += 1
            return
        self.failed += 1
        told = {"webhook": after.webhook, "status": answer.status, "problem": answer.problem}
        if after.state is DeliveryState.DEAD:
            self.dead += 1
            _log.error("webhook_dead_letter", delivery=after.delivery_id, **told)
        else:
            _log.warning("webhook_failed", attempts=after.attempts, **told)

    async def _rest(self, name: str) -> None:
        """Wait for news, or until something is due again; tidy up meanwhile."""
        wake = self._wake[name]
        wake.clear()
        await self._tidy()
        at = await asyncio.to_thread(self._deliveries.next_at, name)
        seconds = _IDLE if at is None else (at - self._clock.now()) / _MICRO
        try:
            async with asyncio.timeout(min(max(seconds, 0.0), _IDLE)):
                await wake.wait()
        except TimeoutError:
            return

    async def _tidy(self) -> None:
        """Forget what ended long ago: now and then, since it reads all deliveries."""
        now = self._clock.now()
        if now - self._tidied >= _TIDY_EVERY:
            self._tidied = now
            for state, kept in _KEPT.items():
                await asyncio.to_thread(self._deliveries.forget, state, now - kept)

    def _made(self, name: str, event: CampaignEvent) -> Delivery:
        # The same change has the same id for a webhook, so that a receiver knows a repetition.
        digest = hashlib.blake2b(f"{name}/{event.position}".encode(), digest_size=12)
        delivery_id = f"msg_{digest.hexdigest()}"
        now = self._clock.now()
        return Delivery(
            delivery_id, name, event.campaign.campaign_id, event.change,
            self._body(delivery_id, event), DeliveryState.PENDING, 0, now, 0, "", now, now,
        )  # fmt: skip

    def _last_position(self) -> int:
        return self._record.last_position()
