"""What the detector knows after retention: as much as a restart would, and no false news."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from simsvc.core.detection import Detector
from simsvc.core.popularity import FamilyTest
from simsvc.core.sightings import Family, LonePrompts, Sighting
from tests.fakes.prompts import HOUR, NOW
from tests.unit.helpers import family_detector

RULE = FamilyTest(4, 24 * HOUR, 1e-3, 0.5, 24 * HOUR)
FIXED = settings(derandomize=True, deadline=None)
# (account, hours since the one before, which earlier lone prompt leads it or 0)
ROWS = st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9), st.integers(0, 5)), max_size=40)


def sightings(rows: list[tuple[int, int, int]]) -> list[Sighting]:
    made: list[Sighting] = []
    at = NOW
    for seq, (account, later, which) in enumerate(rows, 1):
        at += later * HOUR
        lone = [s.seq for s in made if not s.family][:5]
        family = lone[which - 1] if 0 < which <= len(lone) else 0
        actor = -account if account > 6 else account
        made.append(Sighting(seq, account, actor, at, family, seq.to_bytes(16, "big")))
    return made


def detector_of(batch: list[Sighting]) -> Detector:
    detector = family_detector(RULE)
    detector.observe(batch)
    return detector


@FIXED
@given(ROWS, st.integers(0, 120), ROWS)
def test_as_after_a_restart(
    rows: list[tuple[int, int, int]], hours: int, more: list[tuple[int, int, int]]
) -> None:
    batch = sightings([*rows, *more])
    before, after = batch[: len(rows)], batch[len(rows) :]
    cutoff = NOW + hours * HOUR
    live = detector_of(before)
    live.forget(cutoff)
    restarted = detector_of([s for s in before if s.observed_at >= cutoff])
    for detector in (live, restarted):
        detector.observe(after)
    assert live.accounts == restarted.accounts
    for key in {s.family for s in batch if s.family}:
        known = [{m.account for m in d.members(key)} for d in (live, restarted)]
        assert known[0] == known[1]
    sizes = [d.family_accounts(after) for d in (live, restarted)]
    assert sizes[0] == sizes[1]


@FIXED
@given(ROWS, st.integers(0, 120))
def test_forgetting_twice_is_forgetting_once(rows: list[tuple[int, int, int]], hours: int) -> None:
    once, twice = detector_of(sightings(rows)), detector_of(sightings(rows))
    for detector in (once, twice, twice):
        detector.forget(NOW + hours * HOUR)
    assert (once.accounts, once.families) == (twice.accounts, twice.families)
    assert once.tick(lambda _: True) == twice.tick(lambda _: True)


@FIXED
@given(st.lists(st.integers(0, 50), max_size=60), st.integers(0, 50))
def test_lone_prompts_that_are_kept(hours: list[int], cutoff: int) -> None:
    lone = LonePrompts()
    for seq, hour in enumerate(hours, 1):
        lone.add(Sighting(seq, seq, seq, NOW + hour * HOUR, 0, seq.to_bytes(16, "big")))
    lone.forget(NOW + cutoff * HOUR)
    found = {seq for seq in range(1, len(hours) + 1) if lone.find(seq)}
    assert found == {seq for seq, hour in enumerate(hours, 1) if hour >= cutoff}
    assert len(lone) == len(found)


def copied(accounts: range, at: int, first: int, wordings: int) -> list[Sighting]:
    """Return prompts of the family 1, each account's in one of few wordings."""
    return [
        Sighting(first + i, account, account, at, 1, bytes([i % wordings]) * 16)
        for i, account in enumerate(accounts)
    ]


def test_what_is_left_of_a_copied_prompt_is_no_news() -> None:
    lone = [Sighting(i, i, i, NOW, 0, i.to_bytes(16, "big")) for i in range(1, 2001)]
    old = copied(range(3000, 5000), NOW - 100 * HOUR, 10_000, 100)
    new = copied(range(5000, 5040), NOW, 20_000, 1)
    live = detector_of([*old, *lone, *new])
    live.forget(NOW - 50 * HOUR)
    restarted = detector_of([*lone, *new])
    assert [f.family for f in restarted.tick(lambda _: False)] == []
    assert [f.family for f in live.tick(lambda _: False)] == []


def varied(accounts: range, at: int, first: int) -> list[Sighting]:
    return [
        Sighting(first + i, account, account, at, 1, (first + i).to_bytes(16, "big"))
        for i, account in enumerate(accounts)
    ]


def test_what_is_left_of_a_varied_family_is_varied() -> None:
    lone = [Sighting(i, i, i, NOW, 0, i.to_bytes(16, "big")) for i in range(1, 20_001)]
    old = varied(range(30_000, 35_000), NOW - 100 * HOUR, 30_000)
    new = varied(range(40_000, 44_000), NOW, 40_000)
    live = detector_of([*lone, *old, *new])
    live.forget(NOW - 50 * HOUR)
    restarted = detector_of([*lone, *new])
    expected = [f.family for f in restarted.tick(lambda _: False)]
    assert expected == [1]
    assert [f.family for f in live.tick(lambda _: False)] == expected


def test_an_account_that_changes_its_organisation_takes_nobody_along() -> None:
    family = Family()
    for seq, account, actor in ((1, 1, -1), (2, 2, -1), (3, 2, -2)):
        family.add(Sighting(seq, account, actor, NOW, 1, bytes([seq]) * 16))
    assert family.actors() == {m.actor for m in family.members.values()} == {-1, -2}
