"""Which accounts are in open campaigns, asked by raw id and by pseudonym."""

from __future__ import annotations

import pytest

from simsvc.core.campaigns import CampaignBook, CampaignRule
from simsvc.core.membership import Membership
from simsvc.domain.campaign import Campaign, CampaignState, Member, extent_of
from simsvc.domain.pseudonyms import Keyring, pseudonym
from simsvc.ports.record import Owner
from tests.fakes.prompts import HOUR, KEYRING, NOW, owner_key
from tests.fakes.record import MemoryRecord

ROTATED = Keyring({"k1": b"1" * 32, "k2": b"2" * 32}, "k2")
LOOKALIKE = "acct_" + "0123456789abcdef" * 2


class World:
    def __init__(self, ring: Keyring = KEYRING) -> None:
        self.record = MemoryRecord()
        self.book = CampaignBook(CampaignRule(0.5, HOUR), "gen")
        self.membership = Membership(self.record, self.book, ring)

    def owners(self, *names: str, ring: Keyring = KEYRING) -> list[Owner]:
        return self.record.owners([owner_key(name, ring=ring) for name in names])

    def report(self, name: str, owners: list[Owner], state: CampaignState) -> Campaign:
        members = {o.account: Member(o.account, o.actor, NOW, NOW, 1) for o in owners}
        extent = extent_of(members.values())
        campaign = Campaign(name, state, NOW, NOW, (1,), (), extent, members)
        self.book.load([campaign])
        self.membership.learn([campaign])
        return campaign


def test_members_by_raw_id_and_by_pseudonym() -> None:
    world = World()
    a, b, _ = world.owners("a", "b", "c")
    world.report("cmp_1", [a, b], CampaignState.OPEN)
    world.report("cmp_2", [b], CampaignState.OPEN)
    assert world.membership.check("a") == ("cmp_1",)
    assert world.membership.check("b") == ("cmp_1", "cmp_2")
    assert world.membership.check("c") == world.membership.check("never") == ()
    [named] = world.record.account_names([b.account]).values()
    assert world.membership.check(pseudonym("acct", named.hash)) == ("cmp_1", "cmp_2")
    assert world.membership.check(pseudonym("org", named.hash)) == ()
    assert world.membership.check(pseudonym("acct", b"\0" * 16)) == ()


@pytest.mark.parametrize("state", [CampaignState.QUIET, CampaignState.MERGED])
def test_only_open_campaigns(state: CampaignState) -> None:
    world = World()
    owners = world.owners("a")
    world.report("cmp_1", owners, CampaignState.OPEN)
    world.report("cmp_1", owners, state)
    assert world.membership.check("a") == ()
    world.report("cmp_1", owners, CampaignState.OPEN)
    assert world.membership.check("a") == ("cmp_1",)


def test_who_joins_later_is_learned() -> None:
    world = World()
    a, b = world.owners("a", "b")
    world.report("cmp_1", [a], CampaignState.OPEN)
    assert world.membership.check("b") == ()
    world.report("cmp_1", [a, b], CampaignState.OPEN)
    assert world.membership.check("b") == ("cmp_1",)


def test_under_rotated_keys() -> None:
    world = World(ROTATED)
    old = world.owners("old")
    [both] = world.owners("both")
    assert world.owners("both", ring=ROTATED) == [both]
    new = world.owners("new", ring=ROTATED)
    world.report("cmp_1", [*old, both, *new], CampaignState.OPEN)
    for name in ("old", "both", "new"):
        assert world.membership.check(name) == ("cmp_1",)
    for ring in (KEYRING, ROTATED):
        value = ring.all_hashes("account", "both")[0].value
        assert world.membership.check(pseudonym("acct", value)) == ("cmp_1",)


def test_a_raw_id_that_looks_like_a_pseudonym() -> None:
    world = World()
    world.report("cmp_1", world.owners(LOOKALIKE), CampaignState.OPEN)
    assert world.membership.check(LOOKALIKE) == ("cmp_1",)
