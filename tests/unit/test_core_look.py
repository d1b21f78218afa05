"""Looking at all accounts in the service: found, recorded, and the same after a restart."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator

import pytest

from simsvc.core.campaigns import CampaignBook, CampaignRule
from simsvc.core.membership import Membership
from simsvc.core.views import Dissector
from simsvc.domain.campaign import CampaignState
from simsvc.domain.frames import FrameRule
from simsvc.domain.prompt import Message, Prompt, Role
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


async def test_nothing_new_is_not_looked_at(core: Core) -> None:
    await core.lifecycle.look()
    assert core.detector.population(()) is None
    assert not core.detector.analyst.behind()


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
