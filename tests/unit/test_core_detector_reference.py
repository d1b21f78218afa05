"""The detector held against one that counts everything anew each time."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import reduce

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simsvc.core.detection import Finding
from simsvc.core.popularity import FamilyTest
from simsvc.core.sightings import Family, Sighting
from simsvc.domain.campaign import Member
from simsvc.domain.popularity import FamilyCount, popularity_excess
from tests.fakes.prompts import HOUR, NOW
from tests.unit.helpers import family_detector

FIXED = settings(derandomize=True, deadline=None)
RULE = FamilyTest(3, 24 * HOUR, 0.9, 0.3, 24 * HOUR)
REPORTED = {2, 3}
# (account, hours ago, which leader or 0, wording)
ROWS = st.tuples(st.integers(1, 9), st.integers(0, 72), st.integers(0, 3), st.integers(0, 5))
TRAFFIC = st.lists(st.lists(ROWS, max_size=15), max_size=4)


@dataclass
class Plain:
    """Keeps all prompts, and counts by going through all of them."""

    seen: list[Sighting] = field(default_factory=list)
    changed: set[int] = field(default_factory=set)

    def observe(self, batch: list[Sighting]) -> None:
        self.seen += batch
        self.changed |= {s.family for s in batch if s.family}

    def family(self, key: int) -> list[Sighting]:
        return [s for s in self.seen if key in (s.family, s.seq)]

    def members(self, key: int) -> dict[int, Member]:
        parts: dict[int, list[Member]] = {}
        for s in self.family(key):
            part = Member(s.account, s.actor, s.observed_at, s.observed_at, 1)
            parts.setdefault(s.account, []).append(part)
        return {account: reduce(Member.joined, mine) for account, mine in parts.items()}

    def actors(self, key: int) -> int:
        return len({m.actor for m in self.members(key).values()})

    def keys(self) -> set[int]:
        return {s.family for s in self.seen if s.family}

    def lone(self) -> int:
        return sum(1 for s in self.seen if not s.family and s.seq not in self.keys())

    def count(self, key: int) -> FamilyCount:
        start = max(s.observed_at for s in self.seen) - RULE.window
        actors = ({m.actor for m in self.members(k).values()} for k in self.keys() - {key})
        others = [len(found) for found in actors] + [1] * self.lone()
        mean = sum(others) / len(others) if others else 1.0
        now = [s for s in self.seen if s.observed_at >= start]
        past = [s for s in self.seen if s.observed_at < start]
        mine = {s.seq for s in self.family(key)}
        return FamilyCount(
            len({s.actor for s in now if s.seq in mine}),
            len({s.actor for s in now}),
            len({s.actor for s in past if s.seq in mine}),
            len({s.actor for s in past}),
            mean,
        )

    def share(self, key: int) -> float:
        return len({s.text for s in self.family(key)}) / len(self.family(key))

    def tick(self) -> list[int]:
        changed, self.changed = sorted(self.changed), set()
        return [key for key in changed if self._tells(key)]

    def _tells(self, key: int) -> bool:
        if key in REPORTED:
            return True
        count = self.count(key)
        tests = math.log(len(self.keys()) + self.lone())
        rare = popularity_excess(count).log_p + tests <= math.log(RULE.alpha)
        return rare and count.actors >= RULE.min_accounts and self.share(key) >= RULE.min_text_share


def sightings(rows: list[tuple[int, int, int, int]], first: int) -> list[Sighting]:
    made: list[Sighting] = []
    for i, (account, ago, leader, wording) in enumerate(rows):
        seq = first + i
        # Accounts 7 to 9 are keys of one organisation. Prompts 1 to 3 may lead a family.
        actor = -1 if account >= 7 else account
        family = leader if seq > 3 else 0
        made.append(Sighting(seq, account, actor, NOW - ago * HOUR, family, bytes([wording]) * 16))
    return made


def check(finding: Finding, plain: Plain) -> None:
    key, count = finding.family, plain.count(finding.family)
    popularity, variety = finding.evidence
    excess = popularity_excess(count)
    assert popularity.value == count.actors
    assert popularity.expected == pytest.approx(excess.expected)
    assert popularity.log_p == pytest.approx(excess.log_p)
    assert variety.value == pytest.approx(plain.share(key))
    assert {m.account: replace(m, reasons=()) for m in finding.members} == plain.members(key)
    assert set(popularity.seqs) == {s.seq for s in plain.family(key)[:16]}
    assert f"{count.actors} of {count.active} active accounts" in popularity.description
    assert f"{count.past_actors} of {count.past_active} accounts" in popularity.description


@FIXED
@given(TRAFFIC)
def test_the_same_as_counting_anew(batches: list[list[tuple[int, int, int, int]]]) -> None:
    detector, plain, seq = family_detector(RULE), Plain(), 1
    for rows in batches:
        batch = sightings(rows, seq)
        seq += len(batch)
        detector.observe(batch)
        plain.observe(batch)
        found = detector.tick(REPORTED.__contains__)
        assert [f.family for f in found] == plain.tick()
        for finding in found:
            check(finding, plain)
        assert detector.accounts == len({s.actor for s in plain.seen})
        assert detector.families == len(plain.keys())


def filled(count: int, every: int) -> Family:
    """Return a family in which each wording was sent `every` times in a row."""
    family = Family()
    for i in range(count):
        text = (i // every).to_bytes(16, "big")
        family.add(Sighting(i + 1, i % 50, i % 50, NOW, 1, text))
    return family


@pytest.mark.parametrize(("count", "every"), [(4096, 8), (400, 4), (20_000, 20_000)])
def test_the_share_of_texts(count: int, every: int) -> None:
    expected = 1 / min(every, 4096)
    assert filled(count, every).text_share() == pytest.approx(expected)


def test_the_share_of_texts_in_a_large_family() -> None:
    assert filled(41_000, 10).text_share() == pytest.approx(0.1, rel=0.05)


def test_an_organisations_keys_do_not_make_other_families_ordinary() -> None:
    expected = []
    for keys in (1, 1000):
        lone = [Sighting(i, i, i, NOW, 0, bytes([i]) * 16) for i in range(1, 51)]
        own = [Sighting(100 + i, 1000 + i % keys, -1, NOW, 1, bytes(16)) for i in range(1000)]
        tested = [Sighting(2000 + i, i, i, NOW, 2, bytes([i]) * 16) for i in range(2, 20)]
        detector = family_detector(RULE)
        detector.observe([*lone, *own, *tested])
        [finding] = [f for f in detector.tick(lambda key: key == 2) if f.family == 2]
        expected.append(finding.evidence[0].expected)
    assert expected[0] == pytest.approx(expected[1])
