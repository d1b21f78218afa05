"""What the detector keeps in the record: traces, attribution, reference sets, calibration."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simsvc.domain.calibration import Calibration
from simsvc.domain.campaign import Campaign, CampaignEvent, CampaignState, Change, Extent, Member
from simsvc.domain.reference import ReferenceItem, ReferenceKind, ReferenceSet
from simsvc.domain.signals.coverage import Coverage
from simsvc.domain.trace import NO_TRACE, Trace
from simsvc.domain.verdict import Confidence, Thresholds
from simsvc.ports.record import Record
from simsvc.record.sql import SqlRecord
from tests.contract.support import owner_of
from tests.fakes.embedder import fake_vector
from tests.fakes.prompts import NOW, new_prompt

TRACE = Trace(2**62 + 1, -7, b"\1" * 16, b"\x80", b"p" * 16, b"s" * 16)


def item(text: str) -> ReferenceItem:
    return ReferenceItem(text.encode().ljust(16, b"."), fake_vector(text), b"\2" * 8)


def texts_of(items: list[ReferenceItem]) -> list[bytes]:
    return [i.hash for i in items]


def test_traces_come_back_in_a_replay(record: Record) -> None:
    owner = owner_of(record, "a")
    record.allot(2)
    record.append([new_prompt(1, owner, trace=TRACE), new_prompt(2, owner)])
    for with_vectors in (True, False):
        [batch] = record.replay(0, 2, 10, with_vectors=with_vectors)
        assert batch.traces == [TRACE, NO_TRACE]


def test_a_campaigns_judgement_comes_back(record: Record) -> None:
    owner = owner_of(record, "a")
    campaign = Campaign(
        "cmp_1", CampaignState.OPEN, NOW, NOW, (), (), Extent(NOW, NOW, 3, 1, 1),
        {owner.account: Member(owner.account, owner.account, NOW, NOW, 3, 0.75, ("so", "thus"))},
        confidence=Confidence.HIGH, tactics=("replay",),
        coverage=Coverage(30, 20, 0.5, 44, 7.5), next_steps=("read",), representatives=(3, 1),
        split_from="cmp_0",
    )  # fmt: skip
    record.save_campaigns([CampaignEvent(Change.SPLIT, campaign, NOW)])
    [found] = record.campaigns()
    assert found == campaign
    [event] = record.campaign_events(0, 10)
    assert event.campaign == replace(campaign, members={})
    assert event.change is Change.SPLIT


def test_reference_sets_grow_by_what_is_new(record: Record) -> None:
    record.add_references("gsm", ReferenceKind.DATA_SET, [item("one"), item("two")], NOW)
    more = [item("two"), item("three"), item("three")]
    new = record.add_references("gsm", ReferenceKind.DATA_SET, more, NOW + 5)
    assert [i.hash for i in new] == [item("three").hash]
    record.add_references("app", ReferenceKind.ALLOWED_TEMPLATE, [item("frame")], NOW + 9)
    assert record.reference_sets() == [
        ReferenceSet("app", ReferenceKind.ALLOWED_TEMPLATE, 1, NOW + 9),
        ReferenceSet("gsm", ReferenceKind.DATA_SET, 3, NOW),
    ]
    items = record.reference_items("gsm")
    assert texts_of(items) == sorted(texts_of([item("one"), item("two"), item("three")]))
    by_hash = {i.hash: i for i in items}
    two = item("two")
    np.testing.assert_array_equal(by_hash[two.hash].vector, two.vector)
    assert by_hash[two.hash].shingles == two.shingles


def test_texts_of_references_are_kept_as_those_of_prompts_are(text_record: Record) -> None:
    spoken, silent = replace(item("one"), text="one \u2028 line"), item("two")
    text_record.add_references("gsm", ReferenceKind.DATA_SET, [spoken, silent], NOW)
    texts = text_record.reference_texts("gsm")
    assert texts == {spoken.hash: "one \u2028 line", silent.hash: None}
    assert text_record.reference_texts("none") == {}


def test_a_deleted_reference_set_is_gone(record: Record) -> None:
    record.add_references("gsm", ReferenceKind.DATA_SET, [item("one")], NOW)
    assert record.delete_references("gsm")
    assert not record.delete_references("gsm")
    assert record.reference_sets() == []
    assert record.reference_items("gsm") == []


def test_a_calibration_is_stored_in_the_generation(sql_record: SqlRecord) -> None:
    assert sql_record.calibration() is None
    made = Calibration(Thresholds(labour=5.5), "calibrated", 9000, 300, 3.5, 12, 1, 2, 3)
    sql_record.save_calibration(made)
    assert sql_record.calibration() == made
