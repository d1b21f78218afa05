"""Accounts and organisations in the record."""

from __future__ import annotations

from simsvc.ports.record import Named, Owner, Record
from tests.contract.support import BOTH_RING, NEW_RING, OLD_RING, owner_of
from tests.fakes.prompts import owner_key


def hashes_of(kind: str, name: str, ring=OLD_RING) -> list[bytes]:
    return [h.value for h in ring.all_hashes(kind, name)]


def test_new_accounts_get_references_above_zero_of_their_own(record: Record) -> None:
    first, second = record.owners([owner_key("a"), owner_key("b")])
    assert first.account > 0
    assert second.account > 0
    assert first.account != second.account
    assert first.organization == second.organization == 0


def test_a_known_account_keeps_its_reference(record: Record) -> None:
    before = owner_of(record, "a")
    owner_of(record, "b")
    assert owner_of(record, "a") == before


def test_an_account_twice_in_one_call_is_one(record: Record) -> None:
    first, other, again = record.owners([owner_key("a"), owner_key("b"), owner_key("a")])
    assert first == again
    assert first != other


def test_no_owners_are_none(record: Record) -> None:
    assert record.owners([]) == []


def test_accounts_of_one_organisation_share_its_reference(record: Record) -> None:
    first, second, lone = record.owners(
        [owner_key("a", "org"), owner_key("b", "org"), owner_key("c")]
    )
    assert first.organization == second.organization > 0
    assert first.account != second.account
    assert first.actor == second.actor == -first.organization
    assert lone.organization == 0
    assert lone.actor == lone.account


def test_an_account_that_changes_its_organisation_stays_itself(record: Record) -> None:
    before = owner_of(record, "a", "org1")
    after = owner_of(record, "a", "org2")
    without = owner_of(record, "a")
    assert before.account == after.account == without.account
    assert before.organization != after.organization
    assert without.organization == 0


def test_an_account_and_an_organisation_of_one_name_are_two(record: Record) -> None:
    owner = owner_of(record, "same", "same")
    [account], [organization] = hashes_of("account", "same"), hashes_of("organization", "same")
    assert record.find_account([account]) == owner.account
    assert record.find_account([organization]) is None
    assert record.find_organization([organization]) == owner.organization
    assert record.find_organization([account]) is None


def test_a_new_key_finds_the_same_references(record: Record) -> None:
    before = owner_of(record, "a", "org", ring=OLD_RING)
    assert owner_of(record, "a", "org", ring=BOTH_RING) == before
    # Noted under the new key as well, so the old one may be taken away.
    assert owner_of(record, "a", "org", ring=NEW_RING) == before


def test_accounts_first_seen_under_a_new_key_are_new(record: Record) -> None:
    old = owner_of(record, "a", ring=OLD_RING)
    new = owner_of(record, "b", ring=BOTH_RING)
    assert old != new
    assert owner_of(record, "b", ring=NEW_RING) == new


def test_an_account_is_found_by_each_hash_it_was_seen_with(record: Record) -> None:
    owner = owner_of(record, "a", "org", ring=OLD_RING)
    owner_of(record, "a", "org", ring=BOTH_RING)
    for value in hashes_of("account", "a", BOTH_RING):
        assert record.find_account([value]) == owner.account
    for value in hashes_of("organization", "org", BOTH_RING):
        assert record.find_organization([value]) == owner.organization
    assert record.find_account(hashes_of("account", "a", BOTH_RING)) == owner.account


def test_a_hash_that_was_not_seen_finds_nothing(record: Record) -> None:
    owner_of(record, "a", "org")
    assert record.find_account(hashes_of("account", "b")) is None
    assert record.find_organization(hashes_of("organization", "b")) is None
    assert record.find_account([]) is None
    # Known under the old key only.
    assert record.find_account(hashes_of("account", "a", NEW_RING)) is None


def test_hashes_under_every_key_are_kept(record: Record) -> None:
    old = owner_of(record, "a", ring=OLD_RING).account
    owner_of(record, "a", ring=BOTH_RING)
    new = owner_of(record, "b", ring=NEW_RING).account
    found = record.account_hashes([old, new, 999])
    assert set(found) == {old, new}
    assert sorted(found[old]) == sorted(hashes_of("account", "a", BOTH_RING))
    assert found[new] == hashes_of("account", "b", NEW_RING)
    assert record.account_hashes([]) == {}


def test_raw_ids_are_kept_where_they_are_given(record: Record) -> None:
    owner = owner_of(record, "kontö 👩", "org", raw=True)
    [account], [organization] = (
        hashes_of("account", "kontö 👩"),
        hashes_of("organization", "org"),
    )
    assert record.account_names([owner.account]) == {owner.account: Named(account, "kontö 👩")}
    assert record.organization_names([owner.organization]) == {
        owner.organization: Named(organization, "org")
    }


def test_raw_ids_are_not_kept_where_they_are_not_given(record: Record) -> None:
    owner = owner_of(record, "a", "org", raw=False)
    [named] = record.account_names([owner.account]).values()
    assert named == Named(*hashes_of("account", "a"), "")
    [named] = record.organization_names([owner.organization]).values()
    assert named == Named(*hashes_of("organization", "org"), "")


def test_a_name_stays_that_of_the_first_key(record: Record) -> None:
    owner = owner_of(record, "a", ring=OLD_RING)
    owner_of(record, "a", ring=BOTH_RING)
    owner_of(record, "a", ring=NEW_RING)
    [first] = hashes_of("account", "a", OLD_RING)
    assert record.account_names([owner.account])[owner.account].hash == first


def test_names_of_references_that_do_not_exist_are_left_out(record: Record) -> None:
    owner = owner_of(record, "a")
    assert set(record.account_names([owner.account, 999])) == {owner.account}
    assert record.account_names([]) == {}
    assert record.organization_names([1, 2]) == {}


def test_many_names_are_read_at_once(record: Record) -> None:
    owners = record.owners([owner_key(f"a{i}") for i in range(300)])
    wanted = [o.account for o in owners] + list(range(1_000_000, 1_025_000))
    assert set(record.account_names(wanted)) == {o.account for o in owners}
    assert set(record.account_hashes(wanted)) == {o.account for o in owners}


def test_an_owner_with_an_organisation_counts_as_it() -> None:
    assert Owner(3, 0).actor == 3
    assert Owner(3, 3).actor == -3
