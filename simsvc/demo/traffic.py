"""Synthetic traffic of a model API: ordinary accounts, and a planted group that coordinates.

All texts are made up by the grammar of this package. A seed gives the same traffic each time.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from simsvc.demo.accounts import (
    Account,
    conversation_times,
    group_accounts,
    organic_accounts,
    volumes,
)
from simsvc.demo.organic import Messages, short_texts
from simsvc.demo.planted import GROUP, planted_texts


@dataclass(frozen=True, slots=True)
class Event:
    """One request to the API. `group` is the truth: "" if organic, else the planted group."""

    request_id: str
    account_id: str
    organization_id: str
    observed_at: datetime
    model: str
    messages: Messages
    attributes: dict[str, str]
    group: str


@dataclass(frozen=True)
class TrafficPlan:
    """How much traffic to make.

    `accounts` ordinary accounts send `prompts` prompts in all. Beside them each of
    `group_accounts` planted ones sends `group_prompts`, of which the share `cover` is organic.
    All times lie in [start, start + span).
    """

    accounts: int = 160
    prompts: int = 2000
    start: datetime = datetime(2026, 11, 2, tzinfo=UTC)
    span: timedelta = timedelta(days=2)
    group_accounts: int = 40
    group_prompts: int = 6
    cover: float = 0.5
    seed: int = 1

    def __post_init__(self) -> None:
        if min(self.accounts, self.prompts, self.group_accounts, self.group_prompts) < 0:
            raise ValueError("counts must not be negative")
        if self.prompts and not self.accounts:
            raise ValueError("prompts need accounts")
        if not 0 <= self.cover <= 1:
            raise ValueError("cover must lie between 0 and 1")
        if self.span <= timedelta(0) or self.start.tzinfo is None:
            raise ValueError("span must be positive and start must know its time zone")


def generate(plan: TrafficPlan) -> list[Event]:
    """Return the traffic of a plan, in order of time."""
    events = [*_organic(plan), *_coordinated(plan)]
    return sorted(events, key=lambda event: event.observed_at)


def generated_texts(count: int, seed: int) -> list[str]:
    """Return `count` distinct short texts of ordinary users, 6 to 20 words each."""
    texts: dict[str, None] = {}
    source = short_texts(_stream(seed, "texts"))
    while len(texts) < count:
        texts[next(source)] = None
    return list(texts)


def _organic(plan: TrafficPlan) -> Iterator[Event]:
    rng = _stream(plan.seed, "organic")
    accounts = organic_accounts(plan.accounts, rng)
    shares = volumes(plan.prompts, plan.accounts, np.random.default_rng(plan.seed))
    for account, share in zip(accounts, shares, strict=True):
        yield from _usage(plan, account, share, rng)


def _coordinated(plan: TrafficPlan) -> Iterator[Event]:
    """Deal the group's prompts out in turn, spread evenly over the span, and add the cover."""
    rng = _stream(plan.seed, "group")
    accounts = group_accounts(plan.group_accounts, rng)
    whole = len(accounts) * plan.group_prompts
    texts = planted_texts(round(whole * (1 - plan.cover)), rng)
    for position, text in enumerate(texts):
        moment = plan.start + plan.span * ((position + rng.random()) / len(texts))
        account = accounts[position % len(accounts)]
        yield _event(account, (("user", text),), moment, GROUP, rng)
    for position, account in enumerate(accounts):
        dealt = len(range(position, len(texts), len(accounts)))
        yield from _usage(plan, account, plan.group_prompts - dealt, rng)


def _usage(plan: TrafficPlan, account: Account, share: int, rng: random.Random) -> Iterator[Event]:
    """Yield `share` organic requests of an account."""
    while share > 0:
        requests = account.habits.conversation(rng)[:share]
        share -= len(requests)
        times = conversation_times(plan.start, plan.span, account.shift, len(requests), rng)
        for messages, moment in zip(requests, times, strict=True):
            yield _event(account, messages, moment, "", rng)


def _event(
    account: Account, messages: Messages, moment: datetime, group: str, rng: random.Random
) -> Event:
    return Event(
        request_id=f"req-{rng.getrandbits(96):024x}",
        account_id=account.account_id,
        organization_id=account.organization_id,
        observed_at=moment.astimezone(UTC),
        model=account.model,
        messages=messages,
        attributes=dict(account.attributes),
        group=group,
    )


def _stream(seed: int, purpose: str) -> random.Random:
    """Return a source of chance of its own, so that one part's size leaves the others as is."""
    return random.Random(f"{seed}/{purpose}")
