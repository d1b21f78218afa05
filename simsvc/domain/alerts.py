"""Alerts on their way to webhooks. Times are µs since the epoch."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from simsvc.domain.campaign import Change
from simsvc.domain.verdict import Confidence

_MICRO = 1_000_000
_FACTOR = 3
# So often is beyond every longest time, and still a number.
_GROWS = 100


class DeliveryState(enum.IntEnum):
    """Where an alert is; the numbers are those of the wire."""

    PENDING = 1
    DELIVERED = 2
    DEAD = 3


@dataclass(frozen=True, slots=True)
class Delivery:
    """One alert for one webhook. `status` is the last HTTP status, 0 if there was no answer."""

    delivery_id: str
    webhook: str
    campaign_id: str
    change: Change
    body: str
    state: DeliveryState
    attempts: int
    next_at: int
    status: int
    problem: str
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a webhook wants to hear of; no changes means all."""

    name: str
    changes: frozenset[Change]
    confidence: Confidence

    def wants(self, change: Change, confidence: Confidence) -> bool:
        """Return whether a change of a campaign is one of those."""
        return confidence >= self.confidence and (not self.changes or change in self.changes)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an attempt: a status, 0 for none, in how many seconds to try again at least."""

    status: int
    problem: str = ""
    retry_after: float = 0.0

    @property
    def taken(self) -> bool:
        """Return whether the receiver has it."""
        return 200 <= self.status < 300

    @property
    def passing(self) -> bool:
        """Return whether another attempt may help."""
        return self.status in (0, 408, 425, 429) or self.status >= 500

    @property
    def gone(self) -> bool:
        """Return whether the receiver wants no more."""
        return self.status == 410


@dataclass(frozen=True, slots=True)
class RetryRule:
    """Seconds before the second attempt, at most between two, and attempts in all."""

    first: float
    longest: float
    tries: int

    def wait(self, attempts: int, jitter: float) -> float:
        """Return the seconds after so many attempts: thrice as long each time, ± half.

        `jitter` in [0, 1): those who failed together do not come back together.
        """
        growth = float(_FACTOR ** min(attempts - 1, _GROWS))
        return min(self.first * growth, self.longest) * (0.5 + jitter)


def settled(
    delivery: Delivery, answer: Answer, rule: RetryRule, now: int, jitter: float
) -> Delivery:
    """Return a delivery after one more attempt."""
    attempts = delivery.attempts + 1
    state, next_at = DeliveryState.DEAD, now
    if answer.taken:
        state = DeliveryState.DELIVERED
    elif answer.passing and attempts < rule.tries:
        state = DeliveryState.PENDING
        next_at += int(max(rule.wait(attempts, jitter), answer.retry_after) * _MICRO)
    return Delivery(
        delivery.delivery_id, delivery.webhook, delivery.campaign_id, delivery.change,
        delivery.body, state, attempts, next_at, answer.status, answer.problem,
        delivery.created_at, now,
    )  # fmt: skip
