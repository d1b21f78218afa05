"""Alerts in the record, and how they leave the house."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from simsvc.domain.alerts import Answer, Delivery, DeliveryState


class KeepsDeliveries(Protocol):
    """Any thread may call it."""

    def cursor(self, webhook: str) -> int | None:
        """Return the position up to which a webhook was told; None if it is new."""
        ...

    def plan(self, webhook: str, cursor: int, deliveries: Sequence[Delivery]) -> None:
        """Note deliveries and the position they reach to, all or none; known ones stay as is."""
        ...

    def due(self, webhook: str, now: int, limit: int) -> list[Delivery]:
        """Return pending deliveries whose time has come, oldest first."""
        ...

    def next_at(self, webhook: str) -> int | None:
        """Return when the next pending delivery is due; None if there is none."""
        ...

    def settle(self, delivery: Delivery) -> None:
        """Note what came of an attempt."""
        ...

    def deliveries(
        self, state: DeliveryState | None, after: tuple[int, str] | None, limit: int
    ) -> list[Delivery]:
        """Return deliveries, newest first, after one given by (created_at, id)."""
        ...

    def retry(self, delivery_id: str, now: int) -> bool:
        """Let a dead delivery be tried again from the first attempt; False if it is not dead."""
        ...

    def counts(self) -> dict[DeliveryState, int]:
        """Return how many deliveries are where."""
        ...

    def forget(self, state: DeliveryState, before: int) -> int:
        """Delete what came into a state, and an end, before a time; return how many."""
        ...


class Sends(Protocol):
    """Takes an alert to a receiver."""

    async def send(self, webhook: str, delivery_id: str, body: str) -> Answer:
        """Try once. Never raises for what the receiver or the network does."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
