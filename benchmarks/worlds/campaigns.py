"""Campaigns: who asks what of a data set, when, behind which cover."""

from __future__ import annotations

import hashlib
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sklearn.cluster import MiniBatchKMeans
from sklearn.feature_extraction.text import HashingVectorizer

from benchmarks.worlds.events import DAY, Item, Sent, turns_of
from benchmarks.worlds.organic import Organic


@dataclass(frozen=True, slots=True)
class CampaignPlan:
    """A campaign. `prompts` are an account's in all, of which the share `cover` hides the rest.

    `tactic`: partition, replay, frame, hop. `routing`: random, round-robin, sticky, fill-first,
    topical. `start` and `days` bound it in time. `ban` gives way to new accounts at half-time.
    """

    name: str
    tactic: str
    texts: Sequence[str]
    accounts: int = 60
    prompts: int = 26
    cover: float = 0.5
    routing: str = "random"
    frames: Sequence[str] = ()
    repeats: int = 4
    start: float = 2.0
    days: float = 10.0
    ban: bool = False

    @property
    def own(self) -> int:
        """Prompts of an account that belong to the campaign."""
        return max(1, round((1 - self.cover) * self.prompts))


def campaign(plan: CampaignPlan, organic: Organic) -> list[Sent]:
    """Make the traffic of a campaign and of its cover."""
    chosen = organic.chosen
    items = _items(plan, organic)
    names = [f"{plan.name}-{i}" for i in range(plan.accounts)]
    times = _times(plan, len(items), chosen)
    owners = _route(plan, names, items, chosen)
    sent = [
        Sent(at, owner, item, campaign=plan.name)
        for at, owner, item in zip(times, owners, items, strict=True)
    ]
    for name in names:
        sent += organic.cover(name, plan.prompts - plan.own)
    return sent


def _items(plan: CampaignPlan, organic: Organic) -> list[Item]:
    count, chosen = plan.own * plan.accounts, organic.chosen
    if plan.tactic == "hop":
        turns: list[Item] = []
        while len(turns) < count:
            talk = organic.conversation()
            if len(talk) > 2:
                turns += turns_of(talk)
        return turns[:count]
    if plan.tactic == "replay":
        texts = chosen.sample(list(plan.texts), min(len(plan.texts), -(-count // plan.repeats)))
        drawn = texts * plan.repeats
        chosen.shuffle(drawn)
        drawn = drawn[:count]
    else:
        drawn = chosen.sample(list(plan.texts), min(len(plan.texts), count))
    if not plan.frames:
        return [Item(text) for text in drawn]
    return [Item(chosen.choice(plan.frames).replace("{payload}", text)) for text in drawn]


def _times(plan: CampaignPlan, count: int, chosen: random.Random) -> list[float]:
    """Spread requests evenly over day and night, as a queue of jobs does."""
    step = plan.days * DAY / count
    return [plan.start * DAY + (i + chosen.random()) * step for i in range(count)]


def _route(
    plan: CampaignPlan, names: Sequence[str], items: Sequence[Item], chosen: random.Random
) -> list[str]:
    if plan.ban:
        half, middle = len(names) // 2, len(items) // 2
        first = _ROUTES[plan.routing](names[:half], items[:middle], chosen)
        return first + _ROUTES[plan.routing](names[half:], items[middle:], chosen)
    return _ROUTES[plan.routing](names, items, chosen)


def _at_random(names: Sequence[str], items: Sequence[Item], chosen: random.Random) -> list[str]:
    return [chosen.choice(names) for _ in items]


def _round_robin(names: Sequence[str], items: Sequence[Item], _: random.Random) -> list[str]:
    return [names[i % len(names)] for i in range(len(items))]


def _sticky(names: Sequence[str], items: Sequence[Item], _: random.Random) -> list[str]:
    """One session stays with one account: sha256(session) mod accounts."""
    return [
        names[int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big") % len(names)]
        for key in (item.earlier[0] if item.earlier else item.text for item in items)
    ]


def _fill_first(names: Sequence[str], items: Sequence[Item], _: random.Random) -> list[str]:
    quota = -(-len(items) // len(names))
    return [names[i // quota] for i in range(len(items))]


def _topical(names: Sequence[str], items: Sequence[Item], chosen: random.Random) -> list[str]:
    """Each account gets one corner of the set."""
    rows = HashingVectorizer(n_features=2**12).transform([item.text for item in items])
    cells = max(2, len(names) // 3)
    labels = MiniBatchKMeans(cells, random_state=chosen.randrange(2**31), n_init=1).fit_predict(
        rows
    )
    at: dict[int, list[int]] = defaultdict(list)
    for i, label in enumerate(labels.tolist()):
        at[label].append(i)
    ordered = [i for label in sorted(at) for i in at[label]]
    quota = -(-len(items) // len(names))
    owners = [""] * len(items)
    for place, i in enumerate(ordered):
        owners[i] = names[place // quota]
    return owners


_Router = Callable[[Sequence[str], Sequence[Item], random.Random], list[str]]
_ROUTES: dict[str, _Router] = {
    "random": _at_random,
    "round-robin": _round_robin,
    "sticky": _sticky,
    "fill-first": _fill_first,
    "topical": _topical,
}
