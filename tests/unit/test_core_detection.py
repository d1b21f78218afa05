"""The detector: what it counts, what it reports, what it leaves alone."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from simsvc.core.detection import Finding
from simsvc.core.popularity import FamilyTest
from simsvc.core.sightings import LonePrompts, Sighting
from tests.fakes.prompts import HOUR, NOW
from tests.unit.helpers import family_detector

WINDOW = 24 * HOUR
RULE = FamilyTest(min_accounts=8, window=WINDOW, alpha=1e-3, min_text_share=0.5, history=WINDOW)


class Traffic:
    """Sightings in order of seq."""

    def __init__(self) -> None:
        self.sightings: list[Sighting] = []

    def lone(self, count: int, at: int = NOW, accounts: int = 400) -> None:
        for i in range(count):
            self._add(1 + i % accounts, at, 0, b"")

    def family(
        self, accounts: Sequence[int], at: int = NOW, texts: int = 10**9, leader: int = 0
    ) -> int:
        """Each account sends one prompt of a family, in `texts` different wordings."""
        for i, account in enumerate(accounts):
            seq = self._add(account, at, leader, f"text {i % texts}".encode().ljust(16))
            leader = leader or seq
        return leader

    def _add(self, account: int, at: int, family: int, text: bytes) -> int:
        seq = len(self.sightings) + 1
        text = text or seq.to_bytes(16, "big")
        # Accounts from 9000 on are keys of one organisation.
        actor = -1 if account >= 9000 else account
        self.sightings.append(Sighting(seq, account, actor, at, family, text))
        return seq


def findings(
    traffic: Traffic, reported: Sequence[int] = (), rule: FamilyTest = RULE
) -> list[Finding]:
    detector = family_detector(rule)
    detector.observe(traffic.sightings)
    return detector.tick(lambda family: family in reported)


def test_a_varied_family_of_many_accounts_is_reported() -> None:
    traffic = Traffic()
    traffic.lone(2000)
    leader = traffic.family(range(1000, 1040))
    [finding] = findings(traffic)
    assert finding.family == leader
    assert {m.account for m in finding.members} == set(range(1000, 1040))
    popularity, variety = finding.evidence
    assert popularity.value == 40
    assert popularity.expected == pytest.approx(1.0, abs=0.1)
    assert popularity.log_p < -20
    assert variety.value == 1.0
    assert leader in popularity.seqs


@pytest.mark.parametrize(
    ("accounts", "texts"),
    [
        (range(1000, 1040), 3),  # one copied prompt in three wordings
        (range(1000, 1007), 10**9),  # too few accounts
        (range(9000, 9040), 10**9),  # keys of one organisation
    ],
)
def test_what_is_left_alone(accounts: range, texts: int) -> None:
    traffic = Traffic()
    traffic.lone(2000)
    traffic.family(accounts, texts=texts)
    assert findings(traffic) == []


def test_a_family_that_was_always_popular_is_left_alone() -> None:
    traffic = Traffic()
    traffic.lone(2000, at=NOW - 5 * WINDOW)
    leader = traffic.family(range(1, 41), at=NOW - 5 * WINDOW)
    traffic.lone(2000)
    traffic.family(range(41, 81), leader=leader)
    assert findings(traffic) == []
    # The same without the past is news.
    fresh = Traffic()
    fresh.lone(2000, at=NOW - 5 * WINDOW)
    fresh.lone(2000)
    fresh.family(range(41, 81))
    assert len(findings(fresh)) == 1


def test_a_reported_family_goes_on_reporting() -> None:
    traffic = Traffic()
    traffic.lone(50)
    leader = traffic.family([1, 2, 3])
    assert findings(traffic) == []
    [finding] = findings(traffic, reported=[leader])
    assert len(finding.members) == 3


def test_only_what_changed_is_tested_again() -> None:
    traffic = Traffic()
    traffic.lone(2000)
    leader = traffic.family(range(1000, 1040))
    detector = family_detector(RULE)
    detector.observe(traffic.sightings)
    assert len(detector.tick(lambda _: False)) == 1
    assert detector.tick(lambda _: True) == []
    detector.test_again([leader])
    assert len(detector.tick(lambda _: False)) == 1


def test_batches_of_any_size_give_the_same() -> None:
    traffic = Traffic()
    traffic.lone(500)
    for start in (1000, 1100, 1200):
        traffic.family(range(start, start + 30))
    whole = findings(traffic)
    assert len(whole) == 3
    chosen, detector, at = random.Random(1), family_detector(RULE), 0
    while at < len(traffic.sightings):
        size = chosen.randint(1, 40)
        detector.observe(traffic.sightings[at : at + size])
        at += size
    assert detector.tick(lambda _: False) == whole


def test_the_preview_is_what_observing_then_gives() -> None:
    traffic = Traffic()
    traffic.lone(5)
    leader = traffic.family([1, 2, 2, 3])
    detector = family_detector(RULE)
    detector.observe(traffic.sightings[:5])
    sizes = detector.family_accounts(traffic.sightings[5:])
    assert sizes[-1] == 3
    detector.observe(traffic.sightings[5:])
    assert len({m.actor for m in detector.members(leader)}) == 3
    later = Sighting(99, 9, 9, NOW, leader, b"t" * 16)
    assert detector.family_accounts([later]) == [4]


def test_forgetting() -> None:
    traffic = Traffic()
    traffic.lone(20, at=NOW - 10 * WINDOW)
    leader = traffic.family([1, 2, 3], at=NOW - 10 * WINDOW)
    traffic.lone(10, at=NOW, accounts=4)
    detector = family_detector(RULE)
    detector.observe(traffic.sightings)
    assert (detector.families, detector.history_sufficient) == (1, True)
    detector.forget(NOW - WINDOW)
    assert detector.members(leader) == ()
    assert (detector.families, detector.accounts, detector.history) == (0, 4, 0)


def test_lone_prompts_are_found_by_seq() -> None:
    lone = LonePrompts()
    for seq in range(2, 6000, 2):
        lone.add(Sighting(seq, seq, -seq, NOW + seq, 0, seq.to_bytes(16, "big")))
    assert lone.find(5000) == Sighting(5000, 5000, -5000, NOW + 5000, 0, (5000).to_bytes(16, "big"))
    assert lone.find(5001) is None
    assert lone.find(7000) is None
    lone.forget(NOW + 3000)
    assert (lone.find(2998), len(lone)) == (None, 1500)
    assert lone.find(3000) is not None
