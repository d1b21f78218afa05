"""Families of near-duplicates that more accounts send than popularity explains.

Counters fed by every prompt, and a tick that tests the families that changed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from simsvc.core.activity import Activity
from simsvc.core.preview import FamilyPreview
from simsvc.core.sightings import Family, LonePrompts, Sighting
from simsvc.domain.campaign import Evidence, Member
from simsvc.domain.popularity import Excess, FamilyCount, is_usual, popularity_excess


@dataclass(frozen=True, slots=True)
class FamilyTest:
    """When a family is reported.

    `window` and `history` in µs. `alpha` bounds the chance of one false report among all families
    of the window. `min_text_share`: distinct texts over prompts, below which the family is one
    copied prompt, which goes viral without a plan.
    """

    min_accounts: int
    window: int
    alpha: float
    min_text_share: float
    history: int


@dataclass(frozen=True, slots=True)
class PopularFamily:
    """A family that is more than popular: its evidence and its accounts."""

    family: int
    evidence: tuple[Evidence, ...]
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class _Traffic:
    """All accounts: those active since `start`, and those seen before it."""

    start: int
    active: int
    past: int


class FamilyWatch:
    """Counts accounts by family and tests the families that changed."""

    def __init__(self, rule: FamilyTest) -> None:
        self._rule = rule
        self._families: dict[int, Family] = {}
        self._lone = LonePrompts()
        self._founded = 0
        self._memberships = 0
        self._activity = Activity(rule.window)
        self._dirty: set[int] = set()
        self._earliest = 0
        self._latest = 0

    @property
    def accounts(self) -> int:
        """Distinct accounts, organisations collapsed."""
        return len(self._activity)

    @property
    def families(self) -> int:
        """Families of two prompts or more."""
        return len(self._families)

    @property
    def history(self) -> int:
        """Traffic before the window, in µs."""
        return max(0, self._latest - self._rule.window - self._earliest)

    @property
    def history_sufficient(self) -> bool:
        """Whether popularity rests on more than the traffic of the window itself."""
        return self.history >= self._rule.history

    def family_accounts(self, batch: Sequence[Sighting]) -> list[int]:
        """Return how many accounts each prompt's family has with it, without counting it yet."""
        previews: dict[int, FamilyPreview] = {}
        sizes = []
        for seen in batch:
            if not seen.family:
                sizes.append(1)
                continue
            if seen.family not in previews:
                previews[seen.family] = FamilyPreview(self._so_far(seen.family, batch))
            sizes.append(previews[seen.family].accounts_with(seen))
        return sizes

    def observe(self, batch: Iterable[Sighting]) -> None:
        """Count prompts that are in the record, in ascending order of seq."""
        for seen in batch:
            self._note_activity(seen)
            if seen.family:
                self._add(self._families.get(seen.family) or self._found(seen.family), seen)
                self._dirty.add(seen.family)
            else:
                self._lone.add(seen)

    @property
    def latest(self) -> int:
        """Time of the newest prompt, in µs."""
        return self._latest

    def members(self, family: int) -> tuple[Member, ...]:
        """Return the accounts of a family; empty if it is not known."""
        known = self._families.get(family)
        return tuple(known.members.values()) if known else ()

    def tick(self, reported: Callable[[int], bool]) -> list[PopularFamily]:
        """Test the families that changed since the last tick.

        A family that is `reported` already is returned whatever its test says: who joins it now
        belongs to its campaign.
        """
        dirty, self._dirty = self._dirty, set()
        start = self._latest - self._rule.window
        ready = []
        for key in sorted(dirty):
            actors = self._families[key].active_since(start, self._rule.window)
            if actors >= self._rule.min_accounts or reported(key):
                ready.append((key, actors))
        if not ready:
            return []
        traffic = _Traffic(
            start,
            active=self._activity.active_since(start),
            past=self._activity.known_before(start),
        )
        tested = (self._test(key, actors, traffic, reported(key)) for key, actors in ready)
        return [finding for finding in tested if finding]

    def test_again(self, families: Iterable[int]) -> None:
        """Test families at the next tick even if nothing is new: their report was not recorded."""
        self._dirty.update(families)

    def forget(self, before: int) -> None:
        """Drop what was last seen before this time (µs), as retention does in the record."""
        for family in self._families.values():
            family.forget(before)
        for key in [k for k, f in self._families.items() if not f.members]:
            del self._families[key]
            self._dirty.discard(key)
        self._memberships = sum(len(f.actors()) for f in self._families.values())
        self._lone.forget(before)
        self._founded = sum(1 for key in self._families if self._lone.find(key))
        self._activity.forget(before)
        self._earliest = max(self._earliest, before)

    def _note_activity(self, seen: Sighting) -> None:
        at = seen.observed_at
        self._activity.note(seen.actor, at)
        self._latest = max(self._latest, at)
        if at < self._earliest or not self._earliest:
            self._earliest = at

    def _add(self, family: Family, seen: Sighting) -> None:
        before = len(family.actors())
        family.add(seen)
        self._memberships += len(family.actors()) - before

    def _found(self, key: int) -> Family:
        family = self._families[key] = Family()
        leader = self._lone.find(key)
        if leader is not None:
            self._founded += 1
            self._add(family, leader)
        return family

    def _so_far(self, key: int, batch: Sequence[Sighting]) -> Family:
        """Return a family, or what it begins with: its leader, unless retention dropped it."""
        family = self._families.get(key)
        if family is None:
            family = Family()
            leader = self._lone.find(key) or next((s for s in batch if s.seq == key), None)
            if leader is not None:
                family.add(leader)
        return family

    def _lone_families(self) -> int:
        return len(self._lone) - self._founded

    def _mean_actors(self, tested: Family) -> float:
        """Return the mean accounts of a family, lone prompts included, the tested one left out."""
        lone = self._lone_families()
        others = len(self._families) - 1 + lone
        return (self._memberships - len(tested.actors()) + lone) / others if others else 1.0

    def _test(
        self, key: int, actors: int, traffic: _Traffic, reported: bool
    ) -> PopularFamily | None:
        family = self._families[key]
        past = family.known_before(traffic.start, self._rule.window)
        count = FamilyCount(actors, traffic.active, past, traffic.past, self._mean_actors(family))
        if not reported and is_usual(count):
            return None
        excess = popularity_excess(count)
        if not reported and not self._convinces(family, excess):
            return None
        evidence = (self._popularity(key, count, excess), self._variety(key))
        return PopularFamily(key, evidence, tuple(family.members.values()))

    def _convinces(self, family: Family, excess: Excess) -> bool:
        tests = len(self._families) + self._lone_families()
        rare = excess.log_p + math.log(tests) <= math.log(self._rule.alpha)
        return rare and family.text_share() >= self._rule.min_text_share

    def _popularity(self, key: int, count: FamilyCount, excess: Excess) -> Evidence:
        hours = self._rule.window / 3_600_000_000
        doubt = "" if self.history_sufficient else "; little history to know its popularity by"
        text = (
            f"{count.actors} of {count.active} active accounts sent near-duplicates of one prompt "
            f"within {hours:g} hours; {excess.expected:.2f} expected of a family that "
            f"{count.past_actors} of {count.past_active} accounts sent before{doubt}"
        )
        return Evidence(
            "near_duplicate_family",
            text,
            value=float(count.actors),
            expected=excess.expected,
            log_p=excess.log_p,
            family=key,
            seqs=tuple(self._families[key].sample),
        )

    def _variety(self, key: int) -> Evidence:
        family = self._families[key]
        distinct, sampled = family.distinct_texts(), len(family.recent)
        text = (
            f"{distinct} distinct texts in {sampled} prompts: written anew each time, not one "
            f"copied prompt (under {self._rule.min_text_share:.2f} a prompt)"
        )
        return Evidence(
            "varied_texts",
            text,
            value=family.text_share(),
            expected=self._rule.min_text_share,
            log_p=0.0,
            family=key,
            seqs=tuple(family.sample),
        )
