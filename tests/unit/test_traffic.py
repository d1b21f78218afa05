"""The synthetic traffic: what a plan promises, checked without the model."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from simsvc.demo.organic import TOPICS
from simsvc.demo.phrases import CHATTY
from simsvc.demo.planted import GROUP
from simsvc.demo.traffic import Event, TrafficPlan, generate, generated_texts

PLAN = TrafficPlan(start=datetime(2026, 5, 4, tzinfo=UTC), span=timedelta(days=3), seed=11)


@pytest.fixture(scope="module")
def events() -> list[Event]:
    return generate(PLAN)


def payload(event: Event) -> str:
    return next(text for role, text in reversed(event.messages) if role == "user")


def planted(events: Iterable[Event]) -> list[Event]:
    return [event for event in events if event.group]


def by_account(events: Iterable[Event]) -> dict[str, list[Event]]:
    sent = defaultdict(list)
    for event in events:
        sent[event.account_id].append(event)
    return sent


def test_a_seed_gives_the_same_traffic_each_time(events: list[Event]) -> None:
    assert generate(PLAN) == events


def test_another_seed_gives_other_traffic(events: list[Event]) -> None:
    others = {payload(event) for event in generate(replace(PLAN, seed=12))} - set(CHATTY)
    assert len(others & {payload(event) for event in events}) < 20


def test_counts_are_those_of_the_plan(events: list[Event]) -> None:
    members = {event.account_id for event in planted(events)}
    ordinary = [event for event in events if event.account_id not in members]
    assert len(ordinary) == PLAN.prompts
    assert len({event.account_id for event in ordinary}) == PLAN.accounts
    assert len(members) == PLAN.group_accounts
    assert len(events) == PLAN.prompts + PLAN.group_accounts * PLAN.group_prompts


@pytest.mark.parametrize("prompts", [0, 1, 50, 161])
def test_any_number_of_prompts_is_met(prompts: int) -> None:
    assert len(generate(replace(PLAN, prompts=prompts, group_accounts=0))) == prompts


def test_times_ascend_within_the_span(events: list[Event]) -> None:
    times = [event.observed_at for event in events]
    assert times == sorted(times)
    assert PLAN.start <= times[0]
    assert times[-1] < PLAN.start + PLAN.span
    assert {time.tzinfo for time in times} == {UTC}


def test_most_traffic_is_by_day(events: list[Event]) -> None:
    hours = Counter(event.observed_at.hour for event in events if not event.group)
    assert sum(hours[h] for h in range(12, 18)) > 2 * sum(hours[h] for h in range(6))


def test_request_ids_are_unique(events: list[Event]) -> None:
    assert len({event.request_id for event in events}) == len(events)


def test_the_groups_texts_are_distinct_and_the_only_ones_marked(events: list[Event]) -> None:
    texts = [payload(event) for event in planted(events)]
    assert len(set(texts)) == len(texts)
    assert {event.group for event in events} == {"", GROUP}
    for event in events:
        assert ("confidence" in payload(event) and "anomal" in payload(event)) == (
            event.group == GROUP
        )


@pytest.mark.parametrize(("cover", "each"), [(0.0, {6}), (0.5, {3}), (0.6, {2, 3}), (1.0, {0})])
def test_cover_is_its_share_of_a_groups_prompts(cover: float, each: set[int]) -> None:
    events = generate(replace(PLAN, cover=cover, accounts=0, prompts=0))
    sent = by_account(events)
    assert {len(events) for events in sent.values()} == {PLAN.group_prompts}
    assert {len(planted(events)) for events in sent.values()} == each
    assert len(planted(events)) == round(240 * (1 - cover))


def test_the_group_takes_turns(events: list[Event]) -> None:
    rounds = [event.account_id for event in planted(events)]
    assert len(set(rounds[: PLAN.group_accounts])) > 0.9 * PLAN.group_accounts


def test_the_group_shares_no_organisation(events: list[Event]) -> None:
    assert {event.organization_id for event in planted(events)} == {""}


def test_volumes_have_a_heavy_tail_and_some_organisations_several_keys(
    events: list[Event],
) -> None:
    ordinary = [event for event in events if event.attributes.get("payment") is not None]
    volumes = sorted(map(len, by_account(events).values()), reverse=True)
    keys = defaultdict(set)
    for event in ordinary:
        keys[event.organization_id].add(event.account_id)
    assert sum(volumes[:20]) > 0.3 * len(events)
    assert sum(len(accounts) > 1 for name, accounts in keys.items() if name) >= 3
    assert any(not event.attributes for event in events)


@pytest.mark.parametrize(
    "script",
    [
        r"\b(ich|bitte|mein|wegen)\b",
        r"\b(avec|les|sur|pour)\b",
        r"\b(sobre|para|las|mi)\b",
        r"[一-鿿]",
        r"[ぁ-ヿ]",
        r"[؀-ۿ]",
        r"[ऀ-ॿ]",
    ],
    ids=["German", "French", "Spanish", "Chinese", "Japanese", "Arabic", "Hindi"],
)
def test_languages_are_present(events: list[Event], script: str) -> None:
    assert any(re.search(script, payload(event)) for event in events)


def test_conversations_are_well_formed(events: list[Event]) -> None:
    for event in events:
        roles = [role for role, _ in event.messages]
        turns = roles[1:] if roles[0] in ("system", "developer") else roles
        assert turns == [("user", "assistant")[i % 2] for i in range(len(turns))]
        assert turns[-1] == "user"
        assert all(text.strip() and "\0" not in text for _, text in event.messages)
    assert {"system", "developer"} <= {event.messages[0][0] for event in events}


def test_conversations_grow_turn_by_turn(events: list[Event]) -> None:
    grown = 0
    for sent in by_account(events).values():
        earlier: set[tuple[tuple[str, str], ...]] = set()
        for event in sent:
            if len(event.messages) > 2 and event.messages[-2][0] == "assistant":
                assert event.messages[:-2] in earlier
                grown += 1
            earlier.add(event.messages)
    assert grown > 100


def test_chatty_turns_are_sent_verbatim_by_many_accounts(events: list[Event]) -> None:
    chatty = [event for event in events if payload(event) in CHATTY]
    popular, _ = Counter(map(payload, chatty)).most_common(1)[0]
    assert 0.03 * len(events) < len(chatty) < 0.2 * len(events)
    assert len({event.account_id for event in chatty if payload(event) == popular}) > 5


def test_a_few_prompts_are_long(events: list[Event]) -> None:
    long = sum(len(payload(event)) > 2000 for event in events)
    assert 0.005 * len(events) < long < 0.06 * len(events)


def test_organic_texts_are_mostly_distinct(events: list[Event]) -> None:
    texts = [payload(event) for event in events]
    texts = [text for text in texts if text not in CHATTY]
    assert len(set(texts)) > 0.98 * len(texts)


def test_there_are_many_topics_without_repeats() -> None:
    assert len({topic.name for topic in TOPICS}) == len(TOPICS) >= 40
    things = [thing for topic in TOPICS for thing in topic.things]
    assert len(set(things)) > 0.97 * len(things)
    assert all(angle.count("{}") == 1 for topic in TOPICS for angle in topic.angles)


def test_generated_texts_are_distinct_and_short() -> None:
    texts = generated_texts(120_000, seed=5)
    assert len(set(texts)) == len(texts) == 120_000
    assert all(6 <= len(text.split()) <= 20 and "\0" not in text for text in texts)


def test_generated_texts_of_a_seed_begin_alike() -> None:
    few, many = generated_texts(500, seed=5), generated_texts(2000, seed=5)
    assert many[:500] == few
    assert all(a != b for a, b in pairwise(few))
    assert few != generated_texts(500, seed=6)


@pytest.mark.parametrize(
    "wrong",
    [
        {"accounts": -1},
        {"accounts": 0},
        {"cover": 1.5},
        {"span": timedelta(0)},
        {"start": datetime(2026, 5, 4)},
    ],
)
def test_an_impossible_plan_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must|need"):
        replace(PLAN, **wrong)
