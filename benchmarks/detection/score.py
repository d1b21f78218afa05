"""A report held against the truth: campaigns found, innocent accounts implicated, how soon.

A report is what `simsvc scan` writes (see `simsvc.scan.report`), or groups of a baseline in the
same form. A reported campaign *is* a planted one if the Jaccard index of their accounts is at least
0.5; it is *false* if under half of its accounts are of any planted one. What is neither is a
*fragment*: mostly members, but too few of them, or of several campaigns at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scipy import stats

from benchmarks.worlds.events import World

MATCH = 0.5
MOSTLY = 0.5
LEVELS = ("low", "medium", "high")
CAMPAIGN = "campaign"
_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Truth:
    """What was planted.

    `kinds`: account → kind ("campaign", "organic" or a confounder). `members`: campaign → its
    accounts. `sent`: campaign → times (seconds since 1970, ascending) of the prompts that are the
    campaign's own, cover left out. `prompts`: kind → prompts, those of members all in "campaign".
    """

    kinds: Mapping[str, str]
    members: Mapping[str, Collection[str]]
    sent: Mapping[str, Sequence[float]]
    prompts: Mapping[str, int]

    @property
    def planted(self) -> set[str]:
        """Accounts of all campaigns."""
        return {account for accounts in self.members.values() for account in accounts}

    @property
    def benign(self) -> int:
        """Prompts of accounts in no campaign."""
        return sum(n for kind, n in self.prompts.items() if kind != CAMPAIGN)


def truth_of(world: World, epoch: float) -> Truth:
    """Return the truth of a world whose time 0 is `epoch` (seconds since 1970)."""
    sent: dict[str, list[float]] = {name: [] for name in world.members}
    for one in world.sent:
        if one.campaign:
            sent[one.campaign].append(epoch + one.at)
    prompts = Counter(world.kinds[one.account] for one in world.sent)
    return Truth(world.kinds, world.members, {k: sorted(v) for k, v in sent.items()}, prompts)


def score(report: Mapping[str, Any], truth: Truth) -> dict[str, Any]:
    """Return campaigns (one row for each planted), false alarms by level, rows of confounders."""
    found: Sequence[Mapping[str, Any]] = report["campaigns"]
    rows = [_planted(name, found, truth) for name in truth.members]
    return {
        "prompts": sum(truth.prompts.values()),
        "benign_prompts": truth.benign,
        "accounts": len(truth.kinds),
        "reported": len(found),
        "campaigns": rows,
        "found": sum(row["found"] for row in rows),
        "fragments": sum(_status(c, truth) == "fragment" for c in found),
        "false_alarms": [false_alarms(found, truth, level) for level in LEVELS],
        "confounders": confounders(found, truth),
    }


def overlap(one: Collection[str], other: Collection[str]) -> float:
    """Return the Jaccard index of two sets of accounts; 0 for two empty ones."""
    shared = len(set(one) & set(other))
    return shared / max(len(set(one)) + len(set(other)) - shared, 1)


def _planted(name: str, found: Sequence[Mapping[str, Any]], truth: Truth) -> dict[str, Any]:
    """Return a row for a planted campaign: the reported one that is nearest, and whether it is it.

    `recall` and `precision` are of accounts, 0 where the campaign was not found; those of the
    nearest reported one are in `nearest_*`.
    """
    members, sent = set(truth.members[name]), truth.sent[name]
    nearest = max(found, key=lambda c: overlap(c["accounts"], members), default=None)
    accounts = set(nearest["accounts"]) if nearest else set()
    jaccard = overlap(accounts, members)
    hits = jaccard >= MATCH
    recall = len(accounts & members) / len(members)
    precision = len(accounts & members) / max(len(accounts), 1)
    row: dict[str, Any] = {
        "name": name, "accounts": len(members), "own_prompts": len(sent), "found": hits,
        "jaccard": jaccard, "recall": recall if hits else 0.0,
        "precision": precision if hits else 0.0,
        "nearest_recall": recall, "nearest_precision": precision,
        "confidence": "", "tactics": [], "sent_share": None, "hours": None,
    }  # fmt: skip
    if nearest and hits:
        row |= {"confidence": nearest["confidence"], "tactics": list(nearest.get("tactics", ()))}
        row |= _delay(nearest.get("first_reported_at"), sent)
    return row


def _delay(reported: str | None, sent: Sequence[float]) -> dict[str, float]:
    """Return which share of a campaign's prompts was sent by its first report, and hours of it."""
    if not reported or not sent:
        return {}
    at = datetime.fromisoformat(reported).timestamp()
    return {
        "sent_share": sum(t < at for t in sent) / len(sent),
        "hours": (at - sent[0]) / _HOUR,
    }


def _status(campaign: Mapping[str, Any], truth: Truth) -> str:
    accounts = set(campaign["accounts"])
    if len(accounts & truth.planted) < MOSTLY * len(accounts):
        return "false"
    hits = any(overlap(accounts, members) >= MATCH for members in truth.members.values())
    return "match" if hits else "fragment"


def at_least(found: Iterable[Mapping[str, Any]], level: str) -> list[Mapping[str, Any]]:
    """Return the campaigns of this confidence or a higher one."""
    enough = LEVELS[LEVELS.index(level) :]
    return [c for c in found if c["confidence"] in enough]


def false_alarms(found: Iterable[Mapping[str, Any]], truth: Truth, level: str) -> dict[str, Any]:
    """Return false campaigns at this level or above, and innocent accounts in any campaign of it.

    Both also per million prompts of innocent accounts, with exact bounds at 95%.
    """
    sure = at_least(found, level)
    false = sum(_status(c, truth) == "false" for c in sure)
    named = {a for c in sure for a in c["accounts"] if truth.kinds[a] != CAMPAIGN}
    return rates(level, false, len(named), truth.benign) | {
        "implicated_by_kind": dict(sorted(Counter(truth.kinds[a] for a in named).items())),
    }


def rates(level: str, campaigns: int, accounts: int, benign: int) -> dict[str, Any]:
    """Return counts of false alarms with their rates per million benign prompts."""
    return {
        "level": level, "benign_prompts": benign,
        "false_campaigns": campaigns, "campaigns_per_million": per_million(campaigns, benign),
        "implicated": accounts, "implicated_per_million": per_million(accounts, benign),
    }  # fmt: skip


def per_million(count: int, prompts: int) -> dict[str, float]:
    """Return a rate per million prompts, with its exact bounds."""
    low, high = poisson_bounds(count)
    scale = 1e6 / max(prompts, 1)
    return {"rate": count * scale, "low": low * scale, "high": high * scale}


def poisson_bounds(count: int, level: float = 0.95) -> tuple[float, float]:
    """Return the exact two-sided bounds of a Poisson mean (Garwood 1936, Biometrika 28, 437–442).

    They are χ²(tail; 2k)/2, 0 for k = 0, and χ²(1 − tail; 2k + 2)/2.
    """
    tail = (1 - level) / 2
    low = float(stats.chi2.ppf(tail, 2 * count)) / 2 if count else 0.0
    return low, float(stats.chi2.isf(tail, 2 * count + 2)) / 2


def confounders(found: Iterable[Mapping[str, Any]], truth: Truth) -> list[dict[str, Any]]:
    """Return a row for each kind of innocent accounts.

    `alarm`: a campaign at medium or high is mostly of the kind. `implicated_*`: its accounts in any
    campaign of at least that confidence, planted ones included.
    """
    campaigns = list(found)
    rows = []
    for kind in dict.fromkeys(k for k in truth.kinds.values() if k != CAMPAIGN):
        mine = {a for a, k in truth.kinds.items() if k == kind}
        named = {level: _named(at_least(campaigns, level), mine) for level in LEVELS}
        alarms = [
            c["confidence"]
            for c in at_least(campaigns, "medium")
            if len(mine & set(c["accounts"])) >= max(MOSTLY * len(set(c["accounts"])), 1)
        ]
        rows.append({
            "kind": kind, "accounts": len(mine), "prompts": truth.prompts[kind],
            "alarm": max(alarms, key=LEVELS.index, default=""),
            **{f"implicated_{level}": len(names) for level, names in named.items()},
        })  # fmt: skip
    return rows


def _named(campaigns: Iterable[Mapping[str, Any]], accounts: set[str]) -> set[str]:
    return {a for c in campaigns for a in c["accounts"]} & accounts
