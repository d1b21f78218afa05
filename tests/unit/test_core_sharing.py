"""What may leave the house, and partners' indicators held against own prompts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import numpy as np
import pytest

from simsvc.core.access import ALL_ROLES, Principal
from simsvc.core.admission import Admission
from simsvc.core.indicators import Indicators
from simsvc.core.insight.desk import Desk
from simsvc.core.sharing import ShareRule, Sharing
from simsvc.domain.campaign import Campaign, CampaignEvent, CampaignState, Change, Member, extent_of
from simsvc.domain.errors import InvalidError, NotNowError
from simsvc.domain.reference import ReferenceItem, ReferenceKind
from simsvc.domain.review import Verdict
from simsvc.domain.sharing import Indicator, IndicatorKind, Tlp, Told
from simsvc.domain.sketch import LEAST, frame_hashes, item_hash, sketch_of
from tests.fakes.prompts import KEYRING, NOW
from tests.unit.helpers import Core, prompt

WHO = Principal("ana", ALL_ROLES)
KEY = b"p" * 32
ITEMS = ["an oak", "a beech", "a spruce", "a larch"]
FRAME = "List every defect of the beam in one table and add no other words to it: "


class World:
    """Five accounts of one campaign, each of which asks the same few items in one frame."""

    def __init__(self) -> None:
        self.core = core = Core()
        desk = Desk(
            core.stages,
            core.book,
            core.writer,
            KEYRING,
            core.clock,
            core.readers,
            core.readers,
            Admission(8),
        )
        self.sharing = Sharing(desk, ShareRule({"pair": KEY}, "pair", 5))
        self.indicators = Indicators(desk, {"pair": KEY}, 1000)

    async def fill(self) -> None:
        await self.core.ingest.observe([
            prompt(f"{i}-{j}", text, f"acc-{i}")
            for i in range(5) for j, text in enumerate((*ITEMS, FRAME + ITEMS[i % 4]))
        ])  # fmt: skip
        members = {a: Member(a, a, NOW, NOW, 5) for a in range(1, 6)}
        self.campaign = Campaign(
            "cmp_1", CampaignState.OPEN, NOW, NOW, (), (), extent_of(members.values()), members,
            source=np.array(sorted(self.core.record._prompts), "<i8").tobytes(),
        )  # fmt: skip
        self.report(self.campaign)

    def report(self, campaign: Campaign) -> None:
        self.core.book.apply([CampaignEvent(Change.REVIEWED, campaign, NOW, 1)])

    def know(self, name: str, texts: Sequence[str]) -> None:
        vector = np.zeros(1, np.float32)
        items = [ReferenceItem(text.encode(), vector, b"", text) for text in texts]
        self.core.record.add_references(name, ReferenceKind.DATA_SET, items, NOW)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    await world.fill()
    yield world
    await world.core.stop()


async def test_what_a_reviewer_has_dismissed_does_not_leave_the_house(world: World) -> None:
    review = replace(world.campaign.review, verdict=Verdict.DISMISSED)
    world.report(replace(world.campaign, review=review))
    with pytest.raises(NotNowError) as caught:
        await world.sharing.case(WHO, "cmp_1", "stix")
    assert caught.value.reason == "DISMISSED"
    assert world.core.record.notes == []


async def test_what_is_part_of_another_campaign_does_not_leave_by_its_old_name(
    world: World,
) -> None:
    # The other one may have been dismissed, or accounts excluded from it.
    world.report(replace(world.campaign, state=CampaignState.MERGED, merged_into="cmp_2"))
    with pytest.raises(NotNowError, match="cmp_2") as caught:
        await world.sharing.case(WHO, "cmp_1", "stix")
    assert caught.value.reason == "CAMPAIGN_MERGED"
    assert world.core.record.notes == []


async def test_a_data_set_too_small_for_a_partner_to_take_is_not_told(world: World) -> None:
    world.know("small", ITEMS[: LEAST - 1])
    world.know("large", ITEMS[:LEAST])
    case = await world.sharing.case(WHO, "cmp_1", "stix")
    told = [s for s in case.sketches if s.kind is IndicatorKind.DATA_SET]
    assert [(s.sketch.size, s.accounts) for s in told] == [(LEAST, 5)]


def indicator(name: str, kind: IndicatorKind, hashes: Sequence[int]) -> Indicator:
    return Indicator(
        name, kind, name, "", Tlp.AMBER, "pair", NOW, 0, 50, sketch_of(hashes), NOW
    )  # fmt: skip


async def test_indicators_are_found_side_by_side(world: World) -> None:
    frame = frame_hashes(FRAME, KEY).tolist()
    asked = [item_hash(text, KEY) for text in ITEMS]
    elsewhere = [item_hash(f"other {i}", KEY) for i in range(4)]
    taken = await world.indicators.take_in(WHO, Told((
        indicator("frame", IndicatorKind.FRAME, frame),
        indicator("again", IndicatorKind.FRAME, frame),
        indicator("partly", IndicatorKind.FRAME, [*frame, *range(10 * len(frame))]),
        indicator("set", IndicatorKind.DATA_SET, [*asked, *elsewhere]),
        indicator("few", IndicatorKind.DATA_SET, [*asked[:2], *elsewhere]),
    )))  # fmt: skip
    found = taken.matches
    told = {m.indicator.indicator_id: (m.prompts, m.part, len(m.accounts)) for m in found.found}
    assert told == {"frame": (5, 1.0, 5), "again": (5, 1.0, 5), "set": (20, 0.5, 5)}
    assert (found.looked_at, found.without_text) == (25, 0)
    assert found.passed_over == []
    assert found.campaigns == {name: ["cmp_1"] for name in told}


async def test_what_cannot_be_looked_for_is_told(world: World) -> None:
    frame = frame_hashes(FRAME, KEY).tolist()
    known = indicator("known", IndicatorKind.FRAME, frame)
    over = replace(known, indicator_id="over", valid_until=NOW - 1)
    no_key = replace(known, indicator_id="no key", key_id="nobody's")
    await world.indicators.take_in(WHO, Told((known, over, no_key)))
    found = await world.indicators.match(WHO, ())
    assert [m.indicator.indicator_id for m in found.found] == ["known"]
    assert sorted(found.passed_over) == ["no key", "over"]


async def test_a_frame_that_is_worded_anew_is_found_by_a_fraction(world: World) -> None:
    frame = sorted(set(frame_hashes(FRAME, KEY).tolist()))
    # Other wordings of the same, which no prompt here has.
    others = range(3 * len(frame))
    taken = await world.indicators.take_in(WHO, Told((
        indicator("anew", IndicatorKind.FRAME, [*frame, *others]),
        indicator("rare", IndicatorKind.FRAME, [*frame, *range(9 * len(frame))]),
        indicator("few", IndicatorKind.FRAME, [*frame[:4], *range(12)]),
    )))  # fmt: skip
    [found] = taken.matches.found
    assert (found.indicator.indicator_id, len(found.accounts), found.part) == ("anew", 5, 0.25)


async def test_a_partner_withdraws_what_he_told_and_an_older_version_changes_nothing(
    world: World,
) -> None:
    frame = frame_hashes(FRAME, KEY).tolist()
    told = replace(indicator("frame", IndicatorKind.FRAME, frame), modified=NOW)
    await world.indicators.take_in(WHO, Told((told,)))
    older = replace(told, confidence=1, modified=NOW - 1)
    taken = await world.indicators.take_in(WHO, Told((older,)))
    assert taken.indicators == taken.matches.found == []
    taken = await world.indicators.take_in(WHO, Told((), (older,)))
    assert taken.withdrawn == []
    [kept] = await world.indicators.all()
    assert kept.confidence == told.confidence
    stranger = replace(told, producer="somebody else", modified=NOW + 1)
    with pytest.raises(InvalidError):
        await world.indicators.take_in(WHO, Told((), (stranger,)))
    last = replace(told, modified=NOW + 1)
    taken = await world.indicators.take_in(WHO, Told((), (last,)))
    assert [i.indicator_id for i in taken.withdrawn] == ["frame"]
    assert await world.indicators.all() == []
