"""What is counted of families and prompts without one, whatever the batches."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from simsvc.core.detection import Detector, Finding
from simsvc.core.popularity import FamilyTest
from simsvc.core.sightings import Family, LonePrompts, Sighting
from tests.fakes.prompts import HOUR, NOW
from tests.unit.helpers import family_detector

RULE = FamilyTest(3, 24 * HOUR, 0.9, 0.2, 24 * HOUR)


def seen(
    seq: int, account: int, family: int = 0, at: int = NOW, actor: int = 0, text: bytes = b""
) -> Sighting:
    return Sighting(seq, account, actor or account, at, family, text or seq.to_bytes(16, "big"))


def test_a_family_counts_accounts_actors_texts_and_prompts() -> None:
    family = Family()
    family.add(seen(1, 1, at=NOW, text=b"a" * 16))
    family.add(seen(2, 1, at=NOW - HOUR, text=b"a" * 16))
    family.add(seen(3, 2, at=NOW + HOUR, actor=-7))
    family.add(seen(4, 3, at=NOW + HOUR, actor=-7))
    assert (family.prompts, len(family.members), family.actors()) == (4, 3, {1, -7})
    one = family.members[1]
    assert (one.first_seen, one.last_seen, one.prompts) == (NOW - HOUR, NOW, 2)
    assert family.active_since(NOW + 1, HOUR) == 1
    assert family.active_since(NOW + HOUR, HOUR) == 1
    assert family.known_before(NOW, HOUR) == 1
    assert family.text_share() == 0.75
    assert family.sample == [1, 2, 3, 4]


def test_a_large_family_keeps_a_bounded_sample_and_its_share() -> None:
    family = Family()
    for seq in range(1, 5001):
        family.add(seen(seq, 1))
    assert (family.prompts, family.sample) == (5000, [*range(1, 17)])
    assert family.distinct_texts() == 4096
    assert family.text_share() == 1.0
    assert Family().text_share() == 0.0


def test_lone_prompts_go_on_after_they_forgot_all() -> None:
    lone = LonePrompts()
    assert (len(lone), lone.find(1)) == (0, None)
    for seq in range(1, 1500):
        lone.add(seen(seq, 1))
    lone.forget(NOW + 1)
    assert (len(lone), lone.find(1)) == (0, None)
    lone.add(seen(2000, 5))
    assert lone.find(2000) == seen(2000, 5)
    lone.forget(NOW)
    for seq in range(2001, 4000):
        lone.add(seen(seq, seq))
    assert (len(lone), lone.find(2000), lone.find(3999)) == (2000, seen(2000, 5), seen(3999, 3999))


@st.composite
def traffic(draw: st.DrawFn) -> list[Sighting]:
    """Draw prompts, each alone or in the family that an earlier lone one leads."""
    count = draw(st.integers(1, 40))
    batch: list[Sighting] = []
    for seq in range(1, count + 1):
        leaders = [s.seq for s in batch if s.family == 0][:4]
        family = draw(st.sampled_from([0, *leaders]))
        account = draw(st.integers(1, 12))
        # Some declare an organisation, always or now and then, alone or with others.
        shared = draw(st.sampled_from([account, -1 - account % 2])) if account > 6 else account
        actor = -account if account > 9 else shared
        at = NOW + draw(st.integers(-60, 0)) * HOUR
        batch.append(seen(seq, account, family, at, actor))
    return batch


def fed(batch: Sequence[Sighting], cuts: Sequence[int]) -> Detector:
    detector = family_detector(RULE)
    edges = [0, *sorted(c for c in cuts if c < len(batch)), len(batch)]
    for start, end in pairwise(edges):
        detector.observe(batch[start:end])
    return detector


def facts(detector: Detector) -> tuple[int, int, int, int]:
    return detector.accounts, detector.families, detector.history, detector.latest


def everything(detector: Detector) -> list[Finding]:
    return detector.tick(lambda _: True)


@settings(max_examples=60, deadline=None)
@given(traffic(), st.lists(st.integers(0, 40), max_size=6))
def test_batches_decide_nothing(batch: list[Sighting], cuts: list[int]) -> None:
    whole, parts = fed(batch, ()), fed(batch, cuts)
    assert facts(whole) == facts(parts)
    assert everything(whole) == everything(parts)


@settings(max_examples=60, deadline=None)
@given(traffic(), st.integers(0, 40))
def test_the_preview_is_what_observing_gives(batch: list[Sighting], cut: int) -> None:
    detector = fed(batch[:cut], ())
    previewed = detector.family_accounts(batch[cut:])
    for sighting, size in zip(batch[cut:], previewed, strict=True):
        detector.observe([sighting])
        actors = {m.actor for m in detector.members(sighting.family)}
        assert size == (len(actors) if sighting.family else 1)


@settings(max_examples=60, deadline=None)
@given(traffic())
def test_a_preview_changes_nothing(batch: list[Sighting]) -> None:
    detector = fed(batch[:20], ())
    before = facts(detector)
    assert detector.family_accounts(batch[20:]) == detector.family_accounts(batch[20:])
    assert facts(detector) == before


def test_the_preview_of_an_account_that_declares_an_organisation_later() -> None:
    detector = family_detector(RULE)
    detector.observe([seen(1, 5), seen(2, 5, 1)])
    joining = seen(3, 5, 1, actor=-9)
    [previewed] = detector.family_accounts([joining])
    detector.observe([joining])
    assert previewed == len({m.actor for m in detector.members(1)})


def test_organisations_that_are_declared_late_are_collapsed() -> None:
    family = Family()
    for account in (1, 2, 3):
        family.add(seen(account, account))
    for account in (1, 2, 3):
        family.add(seen(10 + account, account, actor=-7))
    assert family.actors() == {-7}


def test_forgetting_drops_the_members_that_retention_dropped() -> None:
    old, new = NOW - 100 * HOUR, NOW
    batch = [seen(1, 1, at=old), *(seen(s, s, 1, at=old) for s in range(2, 6)), seen(6, 6, 1)]
    detector = fed(batch, ())
    detector.forget(new - HOUR)
    kept = fed([s for s in batch if s.observed_at >= new - HOUR], ())
    assert facts(detector)[:2] == facts(kept)[:2] == (1, 1)
    assert detector.members(1) == kept.members(1)


def test_what_was_forgotten_is_not_tested() -> None:
    batch = [seen(1, 1), *(seen(s, s, 1) for s in range(2, 6))]
    detector = fed(batch, ())
    detector.forget(NOW + 1)
    assert everything(detector) == []
    detector.observe([seen(9, 9, 1, at=NOW + 2)])  # its leader is gone
    assert [m.account for m in detector.members(1)] == [9]


def test_new_members_of_a_reported_family_are_told_of_after_the_window() -> None:
    batch = [seen(1, 1), *(seen(s, s, 1) for s in range(2, 6))]
    detector = fed(batch, ())
    detector.tick(lambda _: True)
    late = NOW + 100 * HOUR
    detector.observe([seen(6, 6, 1, at=late)])
    [finding] = everything(detector)
    assert len(finding.members) == 6
    popularity = finding.evidence[0]
    assert (popularity.value, popularity.log_p <= 0) == (1.0, True)


def test_the_share_of_texts_is_that_of_what_was_kept() -> None:
    old, new = NOW - 100 * HOUR, NOW
    varied = [seen(1, 1, at=old), *(seen(s, s, 1, at=old) for s in range(2, 40))]
    copied = [seen(s, s, 1, at=new, text=b"c" * 16) for s in range(40, 80)]
    [live] = everything(_forgotten(fed([*varied, *copied], ()), new - HOUR))
    [kept] = everything(fed(copied, ()))
    assert live.evidence[1].value == kept.evidence[1].value == 1 / 40


def _forgotten(detector: Detector, before: int) -> Detector:
    detector.forget(before)
    return detector


def test_a_large_family_counts_as_a_small_one_does() -> None:
    drawn = random.Random(3)
    family = Family()
    for number in range(600):
        account = drawn.randrange(150)
        # Some accounts are found to be of an organisation later on.
        actor = -(account % 5) - 1 if number > 300 and account < 20 else account
        at = NOW + drawn.randrange(48) * HOUR // 2
        family.add(Sighting(number + 1, account, actor, at, 1, b"t"))
        if number % 50 == 49:
            members = family.members.values()
            for start in (NOW, NOW + 10 * HOUR, NOW + 23 * HOUR):
                active = {m.actor for m in members if m.last_seen >= start}
                known = {m.actor for m in members if m.first_seen < start}
                assert family.active_since(start, 24 * HOUR) == len(active)
                assert family.known_before(start, 24 * HOUR) == len(known)
        if number == 400:
            family.forget(NOW + 5 * HOUR)
