"""Campaigns of every tactic are found among ordinary accounts, and named for what they are."""

from __future__ import annotations

import numpy as np
import pytest

from simsvc.core.detection import Finding
from simsvc.domain.reference import ReferenceItem, ReferenceKind
from simsvc.domain.verdict import Confidence
from tests.fakes.prompts import NOW
from tests.fakes.record import MemoryRecord
from tests.unit.detector_world import DAY, DIMENSION, Item, Traffic, members_of


def world(seed: int = 1) -> Traffic:
    traffic = Traffic(seed)
    traffic.organic(150)
    return traffic


def found(traffic: Traffic, members: list[int]) -> Finding:
    """Return the finding about most of the members; there must be one, with few others in it."""
    findings = [f for f in traffic.findings() if f.confidence >= Confidence.MEDIUM]
    best = max(findings, key=lambda f: len(members_of(f) & set(members)), default=None)
    assert best is not None, "no alarm"
    inside = len(members_of(best) & set(members))
    assert inside >= 0.9 * len(members)
    assert inside >= 0.9 * len(best.members)
    return best


@pytest.mark.parametrize("routing", ["random", "round-robin"])
def test_a_set_that_is_shared_out_behind_cover(routing: str) -> None:
    traffic = world()
    members = traffic.campaign(traffic.data_set(480), 40, 12, routing)
    finding = found(traffic, members)
    assert finding.confidence is Confidence.HIGH
    assert finding.tactics == ("partition",)
    assert {"twins", "division_of_labour", "schedule"} <= {e.signal for e in finding.evidence}
    assert finding.coverage is not None
    assert finding.coverage.unseen > 0.9


def test_a_set_that_is_replayed() -> None:
    traffic = world()
    items = traffic.data_set(130) * 4
    order = traffic.rng.permutation(len(items))
    members = traffic.campaign([items[i] for i in order], 40, 12)
    finding = found(traffic, members)
    assert finding.confidence is Confidence.HIGH
    assert "replay" in finding.tactics
    assert finding.coverage is not None
    assert finding.coverage.size is not None
    assert 100 < finding.coverage.size < 260


def test_one_frame() -> None:
    traffic = world()
    framed = [Item(i.vector, i.name, 99) for i in traffic.data_set(320)]
    finding = found(traffic, traffic.campaign(framed, 40, 12))
    assert finding.confidence is Confidence.HIGH
    assert "shared_frame" in finding.tactics


def test_sessions_that_hop() -> None:
    traffic = world()
    members = [traffic.account() for _ in range(20)]
    for session in range(90):
        pair, last = traffic.topics[traffic.rng.choice(60, 2, replace=False)], 0
        at = DAY * traffic.rng.uniform(1, 9)
        for turn in range(5):
            account = int(traffic.rng.choice(members))
            moved = last if last and last != account else 0
            prefix = f"{session}".encode() if turn else b""
            item = traffic.habit(*pair)
            traffic.send(at + 200 * turn, account, Item(item.vector, "", 0, moved, prefix))
            last = account
    finding = found(traffic, members)
    assert "session_hop" in finding.tactics
    assert any("moved here" in reason for reason in finding.members[0].reasons)


def test_a_new_pool_after_a_ban() -> None:
    traffic = world()
    items = traffic.data_set(480)
    first = traffic.campaign(items[:240], 20, 8)
    half = dict.fromkeys(first, DAY * 0)
    traffic.sent = [
        (at / 2 if account in half else at, account, actor, item)
        for at, account, actor, item in traffic.sent
    ]
    second = traffic.campaign(items[240:], 20, 8)
    late = set(second)
    traffic.sent = [
        (5 * DAY + at / 2 if account in late else at, account, actor, item)
        for at, account, actor, item in traffic.sent
    ]
    finding = found(traffic, first + second)
    assert "new_pool_after_ban" in finding.tactics


def test_four_prompts_in_five_are_cover() -> None:
    traffic = world()
    members = traffic.campaign(traffic.data_set(40 * 6, spread=0.7), 40, 21)
    finding = found(traffic, members)
    assert finding.confidence is Confidence.HIGH
    # A bystander, were there one, is told from a member by this.
    assert np.mean([m.probability for m in finding.members]) > 0.9


def reference(items: list[Item]) -> list[ReferenceItem]:
    return [
        ReferenceItem(
            i.name.encode()[:16].ljust(16), (i.vector / np.linalg.norm(i.vector)).astype("f4"), b""
        )
        for i in items
    ]


def test_a_set_of_which_each_account_gets_a_corner() -> None:
    traffic = world()
    members, items = [traffic.account() for _ in range(40)], traffic.data_set(480)
    corners = 0.9 * traffic.rng.standard_normal((40, DIMENSION))
    for i, item in enumerate(items):
        corner, at = i * 40 // 480, DAY * (1 + 8 * traffic.rng.random())
        traffic.send(at, members[corner], Item(item.vector + corners[corner], item.name))
    for member in members:
        pair = traffic.topics[traffic.rng.choice(60, 2, replace=False)]
        traffic.people(member, [traffic.habit(*pair) for _ in range(6)])
    finding = found(traffic, members)
    assert finding.tactics == ("topical_partition",)


def test_the_harvest_of_a_known_set_is_named_with_its_coverage() -> None:
    traffic, record = world(), MemoryRecord()
    items = traffic.data_set(600)
    record.add_references("known", ReferenceKind.DATA_SET, reference(items), NOW)
    members = traffic.campaign(items[:480], 40, 12)
    findings = [f for f in traffic.findings(record) if f.confidence >= Confidence.MEDIUM]
    [finding] = [f for f in findings if members_of(f) & set(members)]
    assert "reference_set_harvest" in finding.tactics
    [evidence] = [e for e in finding.evidence if e.signal == "reference_set"]
    # A member that is missed takes its dozen items along.
    assert evidence.value == pytest.approx(480 / 600, abs=0.05)
    assert "known" in evidence.description


def test_a_template_that_is_allowed_is_no_evidence() -> None:
    traffic, record = world(), MemoryRecord()
    items = traffic.data_set(320)
    traffic.campaign(items, 40, 12)
    assert [f for f in traffic.findings() if f.confidence is Confidence.HIGH]
    record.add_references("ours", ReferenceKind.ALLOWED_TEMPLATE, reference(items), NOW)
    assert [f for f in traffic.findings(record) if f.confidence >= Confidence.MEDIUM] == []


def test_the_same_traffic_gives_the_same_findings() -> None:
    one, other = (world(), world())
    for traffic in (one, other):
        traffic.campaign(traffic.data_set(300), 30, 10)
    assert one.findings() == other.findings()
