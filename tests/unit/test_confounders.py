"""What must not raise an alarm (detection.md): each row a test, at medium or high confidence.

Beside each stands ordinary traffic of 150 accounts. That the detector finds campaigns in the same
traffic is shown in test_campaign_tactics.
"""

from __future__ import annotations

import numpy as np

from simsvc.domain.verdict import Confidence
from tests.unit.detector_world import DAY, DIMENSION, Item, Traffic


def alarms(traffic: Traffic) -> list[str]:
    return [
        f"{f.confidence.name} {len(f.members)} {f.tactics}"
        for f in traffic.findings()
        if f.confidence >= Confidence.MEDIUM
    ]


def world(seed: int = 1) -> Traffic:
    traffic = Traffic(seed)
    traffic.organic(150)
    return traffic


def test_ordinary_accounts_alone() -> None:
    for seed in range(3):
        assert alarms(world(seed)) == []


def test_a_viral_prompt() -> None:
    traffic = world()
    item = Item(traffic.rng.standard_normal(DIMENSION), "viral")
    for account in traffic.organic(80, 8):
        traffic.send(DAY * (4 + traffic.rng.exponential(1.0)), account, item)
    # One item, word for word: FAMILIES of the helpers would need distinct texts.
    assert [a for a in alarms(traffic) if "variations" not in a] == []


def test_a_homework_class() -> None:
    traffic = world()
    sheet = traffic.data_set(20)
    for account in traffic.organic(30, 8):
        asked = traffic.rng.permutation(20)[: traffic.rng.integers(11, 17)]
        start = DAY * traffic.rng.uniform(3, 6)
        for k, i in enumerate(asked):
            traffic.send(start + 200.0 * k, account, sheet[i])
    assert [a for a in alarms(traffic) if "variations" not in a] == []


def test_a_popular_apps_frame() -> None:
    traffic = world()
    traffic.organic(60, frame=77)
    assert alarms(traffic) == []


def test_benchmark_runners() -> None:
    traffic = world()
    items = traffic.data_set(120)
    for account in traffic.organic(12, 8):
        start = DAY * traffic.rng.uniform(1, 9)
        for k, i in enumerate(traffic.rng.permutation(120)[:108]):
            traffic.send(start + 4.0 * k, account, items[i])
    assert [a for a in alarms(traffic) if "variations" not in a] == []


def test_one_organisations_many_keys() -> None:
    traffic = world()
    keys = [traffic.account() for _ in range(20)]
    for item in traffic.data_set(400):
        traffic.send(DAY * traffic.rng.uniform(0, 10), int(traffic.rng.choice(keys)), item, -9)
    assert alarms(traffic) == []


def test_a_gateway_with_many_users() -> None:
    traffic = world()
    for _ in range(3):
        account = traffic.account()
        for _ in range(60):
            pair = traffic.topics[traffic.rng.choice(60, 2, replace=False)]
            traffic.people(account, [traffic.habit(*pair) for _ in range(4)])
    assert alarms(traffic) == []


def test_greetings() -> None:
    traffic = world()
    small = [Item(traffic.rng.standard_normal(DIMENSION), f"hello-{i}") for i in range(8)]
    for account in traffic.organic(60, 8):
        traffic.people(account, [small[i] for i in traffic.rng.integers(0, 8, 4)])
    assert [a for a in alarms(traffic) if "variations" not in a] == []


def test_retries() -> None:
    traffic = world()
    for at, account, actor, item in list(traffic.sent):
        if traffic.rng.random() < 0.3:
            again = Item(item.vector, f"retry-{account}-{at}")
            traffic.send(at, account, again, actor)
            traffic.send(at + 5, account, again, actor)
    assert alarms(traffic) == []


def test_nightly_evaluation_jobs() -> None:
    traffic = world()
    for _ in range(4):
        account, items = traffic.account(), traffic.data_set(25)
        for night in range(10):
            for k, item in enumerate(items):
                traffic.send((night + 0.1) * DAY + 3.0 * k, account, item)
    assert alarms(traffic) == []


def test_rag_backfills() -> None:
    traffic = world()
    for frame in (5, 6):
        account, start = traffic.account(), DAY * traffic.rng.uniform(1, 8)
        for k, item in enumerate(traffic.data_set(400)):
            framed = Item(item.vector, item.name, frame)
            traffic.send(start + 8.0 * k, account, framed)
    assert alarms(traffic) == []


def test_a_help_desk() -> None:
    traffic = world()
    intents = traffic.topics[:20] + 0.3 * np.ones(DIMENSION)
    for _ in range(60):
        account = traffic.account()
        mine = intents[traffic.rng.choice(20, 2, replace=False)]
        asked = [traffic.habit(*mine, 8) for _ in range(traffic.rng.integers(3, 9))]
        traffic.people(account, asked)
    assert alarms(traffic) == []
