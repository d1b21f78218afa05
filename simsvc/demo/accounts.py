"""The accounts of the traffic: who they belong to, how much they send and when."""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from simsvc.demo.languages import LANGUAGES
from simsvc.demo.organic import Habits

_MODELS = ("heron-large", "heron-small", "heron-thinking", "wren-1")
_VOLUME_SIGMA = 1.1
_FOREIGN_EVERY = 10


@dataclass(frozen=True, slots=True)
class Account:
    """One API key. `shift` is where its owner's day begins, in hours from UTC."""

    account_id: str
    organization_id: str
    model: str
    attributes: dict[str, str]
    habits: Habits
    shift: int


def organic_accounts(count: int, rng: random.Random) -> list[Account]:
    """Invent accounts of ordinary users; some share an organisation."""
    accounts: list[Account] = []
    while len(accounts) < count:
        keys = rng.choice((2, 3, 3, 5)) if rng.random() < 0.08 else 1
        keys = min(keys, count - len(accounts))
        named = keys > 1 or rng.random() < 0.4
        organization = _identifier("org", rng) if named else ""
        network, payment = _mark(rng), _mark(rng)
        for _ in range(keys):
            marks = {"network": network, "payment": payment} if rng.random() < 0.85 else {}
            accounts.append(_account(organization, marks, _habits(len(accounts), rng), rng))
    return accounts


def group_accounts(count: int, rng: random.Random) -> list[Account]:
    """Invent the accounts of a planted group: no common organisation, a few common payments."""
    payments = [_mark(rng) for _ in range(max(1, count // 5))]
    return [
        _account(
            "", {"network": _mark(rng), "payment": rng.choice(payments)}, Habits.draw(rng), rng
        )
        for _ in range(count)
    ]


def volumes(prompts: int, accounts: int, rng: np.random.Generator) -> list[int]:
    """Share prompts out: few accounts send much, and where there are enough all send some."""
    if accounts == 0:
        return []
    floor = 1 if prompts >= accounts else 0
    weights = rng.lognormal(sigma=_VOLUME_SIGMA, size=accounts)
    drawn = rng.multinomial(prompts - floor * accounts, weights / weights.sum())
    return [floor + int(n) for n in drawn]


def waking_moment(start: datetime, span: timedelta, shift: int, rng: random.Random) -> datetime:
    """Return a time in the span, by day more often than by night."""
    while True:
        moment = start + span * rng.random()
        hour = (moment.hour + moment.minute / 60 + shift) % 24
        if rng.random() < 0.08 + 0.92 * max(0.0, math.sin((hour - 6.5) / 17 * math.pi)):
            return moment


def conversation_times(
    start: datetime, span: timedelta, shift: int, turns: int, rng: random.Random
) -> Sequence[datetime]:
    """Return the times of a conversation's turns, in order and within the span."""
    last = start + span - timedelta(microseconds=1)
    moments = [waking_moment(start, span, shift, rng)]
    for _ in range(turns - 1):
        moments.append(moments[-1] + timedelta(seconds=rng.uniform(15, 240)))
    return [min(moment, last) for moment in moments]


def _account(
    organization: str, marks: dict[str, str], habits: Habits, rng: random.Random
) -> Account:
    return Account(
        account_id=_identifier("acct", rng),
        organization_id=organization,
        model=rng.choice(_MODELS),
        attributes=marks,
        habits=habits,
        shift=round(rng.gauss(0, 3)),
    )


def _habits(position: int, rng: random.Random) -> Habits:
    """Every tenth account writes in another language, each language in turn."""
    turn, offset = divmod(position, _FOREIGN_EVERY)
    if offset == _FOREIGN_EVERY // 2:
        return Habits.draw_foreign(LANGUAGES[turn % len(LANGUAGES)], rng)
    return Habits.draw(rng)


def _identifier(kind: str, rng: random.Random) -> str:
    return f"{kind}-{rng.getrandbits(64):016x}"


def _mark(rng: random.Random) -> str:
    return hashlib.sha256(rng.randbytes(16)).hexdigest()[:24]
