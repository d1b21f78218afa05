"""What speaks against a campaign."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsvc.domain.campaign import Campaign, CampaignState, Evidence, Member, extent_of
from simsvc.domain.counter import counter_evidence
from simsvc.domain.signals.coverage import Coverage

HOUR = 3_600_000_000
SIGNALS = (
    "twins", "division_of_labour", "collision_excess", "schedule", "shared_frame",
    "prefix_migration", "lockstep", "reference_set",
)  # fmt: skip


def claim(signal: str, log_p: float = -100.0) -> Evidence:
    return Evidence(signal, "", 1.0, 0.0, log_p, 0, ())


def member(account: int, actor: int = 0, prompts: int = 20, probability: float = 0.99) -> Member:
    return Member(account, actor or account, 0, 48 * HOUR, prompts, probability)


def campaign(members: list[Member], *evidence: Evidence, coverage: Coverage | None = None):
    return Campaign(
        "cmp_1", CampaignState.OPEN, 0, 0, (), evidence, extent_of(members),
        {m.account: m for m in members}, coverage=coverage,
    )  # fmt: skip


STRONG = campaign(
    [member(i) for i in range(1, 21)],
    *map(claim, SIGNALS),
    coverage=Coverage(400, 300, 0.5, 900, 10.0),
)


def said(one: Campaign) -> str:
    return "\n".join(counter_evidence(one))


def test_nothing_speaks_against_a_strong_case() -> None:
    assert counter_evidence(STRONG) == ()


MISSING = {
    "collision_excess": "as many as chance gives",
    "schedule": "in bursts",
    "shared_frame": "No frame",
    "prefix_migration": "Conversations do not go on",
    "lockstep": "rare near-duplicates",
    "reference_set": "no reference set",
}


@pytest.mark.parametrize("signal", MISSING)
def test_each_signal_that_says_nothing_is_named(signal: str) -> None:
    kept = tuple(e for e in STRONG.evidence if e.signal != signal)
    [words] = counter_evidence(replace(STRONG, evidence=kept))
    assert MISSING[signal] in words


def test_what_a_shared_out_list_shows_is_either_of_two_signals() -> None:
    other = [e if e.signal != "collision_excess" else claim("collision_deficit")
             for e in STRONG.evidence]  # fmt: skip
    assert counter_evidence(replace(STRONG, evidence=tuple(other))) == ()


def test_of_families_alone_signals_of_accounts_are_not_missed_one_by_one() -> None:
    alone = replace(STRONG, evidence=(claim("near_duplicate_family"), claim("varied_texts", 0.0)))
    lines = counter_evidence(alone)
    assert "It rests on one test alone (near duplicate family)." in lines
    assert lines[-1].startswith("The accounts' other prompts")
    assert len(lines) == 2


def test_an_organisation_with_many_of_the_accounts_is_named_with_its_share() -> None:
    members = [member(i, actor=-7) for i in range(1, 9)] + [member(i) for i in range(9, 21)]
    assert "8 of 20 accounts (40%) are of one organisation" in said(
        campaign(members, *STRONG.evidence)
    )
    few = [member(i, actor=-7) for i in range(1, 3)] + [member(i) for i in range(3, 21)]
    assert "organisation" not in said(campaign(few, *STRONG.evidence))


def test_unsure_and_thin_members_are_counted() -> None:
    members = [member(1, prompts=2, probability=0.6), member(2, prompts=3), member(3)]
    text = said(campaign(members, *STRONG.evidence))
    assert "There are 3 accounts only." in text
    assert "1 of 3 accounts (33%) belong with less than 80% probability" in text
    assert "2 of 3 accounts sent fewer than 5 prompts" in text


def test_a_weak_test_is_told_with_its_odds() -> None:
    weak = (claim("twins", math.log(1e-4)), *STRONG.evidence[1:])
    [words] = counter_evidence(replace(STRONG, evidence=weak))
    assert "twins" in words
    assert "once in 10,000 cases" in words


def test_a_set_that_does_not_grow_and_one_without_bounds() -> None:
    whole = replace(STRONG, coverage=Coverage(400, 30, 0.02, 30, 4.0))
    assert "next prompt is new with 2% chance, after 30 items in 400" in said(whole)
    endless = replace(STRONG, coverage=Coverage(400, 400, 1.0, None, 20.0))
    assert "None of 400 items was asked for twice" in said(endless)
    assert counter_evidence(replace(STRONG, coverage=None)) == ()


def test_what_was_over_in_an_hour_may_have_gone_round() -> None:
    brief = [replace(m, last_seen=HOUR) for m in STRONG.members.values()]
    assert "within 1.0 hours" in said(campaign(brief, *STRONG.evidence))


MEMBERS = st.builds(
    Member, account=st.integers(1, 40), actor=st.integers(-5, 40),
    first_seen=st.integers(0, 10**15), last_seen=st.integers(10**15, 10**16),
    prompts=st.integers(1, 10**6), probability=st.floats(0, 1),
)  # fmt: skip
CLAIMS = st.builds(
    claim, st.sampled_from((*SIGNALS, "near_duplicate_family")), st.floats(-700, 0)
)  # fmt: skip
COVERAGES = st.builds(
    Coverage, st.integers(0, 10**6), st.integers(0, 10**6), st.floats(0, 1),
    st.none() | st.integers(0, 10**6), st.floats(0, 100),
)  # fmt: skip


@given(st.lists(MEMBERS, min_size=1), st.lists(CLAIMS), st.none() | COVERAGES)
def test_any_campaign_gets_sentences_and_each_once(
    members: list[Member], claims: list[Evidence], coverage: Coverage | None
) -> None:
    whole = campaign(members, *claims, coverage=coverage)
    for lines in (counter_evidence(whole), counter_evidence(replace(whole, members={}))):
        assert all(
            line.endswith(".") and (line[0].isupper() or line[0].isdigit()) for line in lines
        )
        assert "nan" not in " ".join(lines)
