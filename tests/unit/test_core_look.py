"""Looking at all accounts in the service: found, recorded, and the same after a restart."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import replace

import numpy as np
import pytest

from simsvc.core.campaigns import CampaignBook, CampaignRule
from simsvc.core.evidence import Measurer
from simsvc.core.groups import TWINS, GroupRule, find_groups
from simsvc.core.membership import Membership
from simsvc.core.suspicion import Reconciler
from simsvc.core.views import Dissector
from simsvc.domain.campaign import CampaignState
from simsvc.domain.frames import FrameRule
from simsvc.domain.prompt import Message, Prompt, Role
from simsvc.domain.signals.twins import TwinRule
from simsvc.domain.verdict import Confidence
from simsvc.index.flat import FlatIndex
from tests.fakes.embedder import DIMENSION
from tests.fakes.prompts import HOUR, KEYRING, NOW
from tests.unit.helpers import FAMILIES, Core, NoSnapshots, family_detector

MINUTE = HOUR // 60
STYLE = "compute derive total"


def traffic() -> list[Prompt]:
    """120 ordinary accounts in bursts, and 20 that a queue feeds evenly, half of it cover."""
    rng, sent = random.Random(4), []

    def send(account: str, at: int, text: str) -> None:
        message = (Message(Role.USER, text),)
        sent.append(Prompt(f"r{len(sent)}", account, at, message))

    def burst(account: str, prompts: int) -> None:
        hobby = [f"hobby{rng.randrange(40)}" for _ in range(2)]
        at, left = 0, 0
        for _ in range(prompts):
            if not left:
                at, left = NOW - rng.randrange(1, 20) * 12 * HOUR, rng.randint(2, 5)
            at, left = at + 2 * MINUTE, left - 1
            words = [rng.choice(hobby), *(f"word{rng.randrange(900)}" for _ in range(3))]
            send(account, at, " ".join(words))

    for i in range(120):
        burst(f"user-{i}", max(3, int(rng.lognormvariate(2.2, 0.8))))
    for i in range(20):
        burst(f"pool-{i}", 8)
    for job in range(320):
        at = NOW - 240 * HOUR + job * 45 * MINUTE + rng.randrange(30) * MINUTE
        words = " ".join(f"word{rng.randrange(900)}" for _ in range(3))
        send(f"pool-{rng.randrange(20)}", at, f"{STYLE} {words}")
    return sorted(sent, key=lambda p: p.observed_at)


@pytest.fixture
async def core() -> AsyncIterator[Core]:
    core = Core(permits=2000)
    prompts = traffic()
    for start in range(0, len(prompts), 100):
        await core.ingest.observe(prompts[start : start + 100])
    yield core
    await core.stop()


def restart(core: Core) -> None:
    core.index = FlatIndex(DIMENSION)
    core.detector = family_detector(FAMILIES, core.index)
    core.book = CampaignBook(CampaignRule(0.5, 2400 * HOUR), "gen")
    core.membership = Membership(core.record, core.book, KEYRING)
    core.dissector = Dissector(KEYRING, FrameRule())
    core.lifecycle = core.make_lifecycle(NoSnapshots())
    core.lifecycle.recover()


def members(core: Core) -> set[bytes]:
    [campaign] = [c for c in core.book.all() if c.confidence >= Confidence.MEDIUM]
    return {n.hash for n in core.record.account_names(sorted(campaign.members)).values()}


def pool() -> set[bytes]:
    return {KEYRING.all_hashes("account", f"pool-{i}")[0].value for i in range(20)}


async def test_a_pool_is_found_and_checked_from_memory(core: Core) -> None:
    assert await core.lifecycle.look()
    found = members(core)
    assert len(found & pool()) >= 18
    assert len(found - pool()) <= 1
    checked = [bool(core.casework.check(f"pool-{i}")) for i in range(20)]
    assert sum(checked) >= 18
    assert not core.casework.check("user-3")


async def test_a_report_names_the_work_of_its_accounts(core: Core) -> None:
    await core.lifecycle.look()
    [campaign] = core.book.all()
    prompts = core.record.prompts(range(1, core.record.last_seq() + 1))
    named = set(np.frombuffer(campaign.source, "<i8").tolist())
    work = {
        seq
        for seq, held in prompts.items()
        if held.messages and held.messages[-1].content.startswith(STYLE)
        if held.owner.account in campaign.members
    }
    assert len(named & work) >= 0.95 * len(named)
    assert len(named & work) >= 0.9 * len(work)


async def test_groups_that_are_one_name_their_prompts_together(core: Core) -> None:
    population = core.detector.population((), force=True)
    assert population is not None
    thresholds = core.detector.analyst.thresholds
    measurer = Measurer(population, population.centred(), thresholds)
    groups = find_groups(population, population.centred(), [], GroupRule(0.7, 8, TwinRule()))
    found = max(groups, key=lambda g: int(g.source.sum()))
    even = found.source & (np.arange(len(found.source)) % 2 == 0)
    parts = [replace(found, source=s, routes=frozenset({TWINS})) for s in (even, found.source)]
    [judged] = Reconciler(measurer, thresholds, 8).reconciled(parts)
    assert (judged.named == found.source).all()


async def test_nothing_new_is_not_looked_at(core: Core) -> None:
    await core.lifecycle.look()
    assert core.detector.population(()) is None
    assert core.detector.unlooked == 0


async def test_a_group_found_once_is_looked_at_again_though_nothing_is_new(core: Core) -> None:
    lifecycle = core.make_lifecycle(NoSnapshots(), look=0.0)
    await lifecycle.look()
    core.detector.unconfirmed = 1
    await lifecycle.look()
    assert core.detector.unconfirmed == 0


async def test_what_came_during_a_look_is_still_to_be_looked_at(core: Core) -> None:
    samples = core.detector.gather((), force=True)
    assert samples is not None
    late = Prompt("late", "late", NOW, (Message(Role.USER, "late"),))
    await core.ingest.observe([late])
    core.detector.take_up()
    assert core.detector.unlooked == 1


async def test_looks_take_no_more_than_their_share_of_the_time(core: Core) -> None:
    lifecycle = core.make_lifecycle(NoSnapshots(), look_share=1e-6)
    await lifecycle.look()
    more = [Prompt(f"m{i}", f"m{i}", NOW, (Message(Role.USER, f"m{i}"),)) for i in range(600)]
    for start in range(0, len(more), 100):
        await core.ingest.observe(more[start : start + 100])
    assert core.detector.analyst.due()
    await lifecycle.look()
    # It rests: a thousandth of a second of work is paid for with a quarter of an hour.
    assert core.detector.analyst.due()
    await core.make_lifecycle(NoSnapshots()).look()
    assert not core.detector.analyst.due()


async def test_a_restart_finds_the_same_campaign_again_and_says_nothing(core: Core) -> None:
    await core.lifecycle.look()
    before, members_before = core.book.all(), members(core)
    restart(core)
    assert core.book.all() == before
    await core.lifecycle.look()
    assert members(core) == members_before
    assert [c.campaign_id for c in core.book.all()] == [c.campaign_id for c in before]
    assert [c.revision for c in core.book.all()] == [c.revision for c in before]
    assert all(c.state is CampaignState.OPEN for c in core.book.all())
