"""Accounts and organisations, known by keyed hashes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Column, Connection, Engine, Table, insert, select

from simsvc.domain.chunks import chunks
from simsvc.domain.pseudonyms import KeyedHash
from simsvc.ports.record import Named, Owner, OwnerKey
from simsvc.record import tables
from simsvc.record.engine import reading, writing
from simsvc.record.store import PARAMETERS, Store
from simsvc.record.text import TextCodec

_CACHED = 500_000


@dataclass(frozen=True, slots=True)
class _Kind:
    """The two tables that hold one kind of name."""

    table: Table
    hashes: Table
    reference: str

    @property
    def key(self) -> Column[int]:
        return self.table.c[self.reference]


_ACCOUNTS = _Kind(tables.accounts, tables.account_hashes, "account")
_ORGANIZATIONS = _Kind(tables.organizations, tables.organization_hashes, "organization")


# A name under every key, the active one first, and its raw id.
_Names = dict[bytes, tuple[tuple[KeyedHash, ...], str]]


class _Registry:
    """References by hash, made on first sight, the recent ones cached."""

    def __init__(self, kind: _Kind) -> None:
        self._kind = kind
        self._cache: OrderedDict[bytes, int] = OrderedDict()

    def cached(self, names: _Names) -> dict[bytes, int]:
        """Return the references of the names that are cached, by active hash."""
        found = {active: self._cache[active] for active in names if active in self._cache}
        for active in found:
            self._cache.move_to_end(active)
        return found

    def remember(self, references: Mapping[bytes, int]) -> None:
        """Take references into the cache; call once they are in the record."""
        self._cache.update(references)
        while len(self._cache) > _CACHED:
            self._cache.popitem(last=False)

    def find_or_make(self, connection: Connection, names: _Names) -> dict[bytes, int]:
        """Return the references of names by active hash, in a few statements for all of them."""
        known = self._find(connection, [h.value for key, _ in names.values() for h in key])
        new: dict[bytes, str] = {}
        noted: dict[bytes, bytes] = {}
        for active, (key, raw) in names.items():
            if active in known:
                continue
            # Seen under an older key: the same account under one more hash.
            seen = next((h.value for h in key if h.value in known or h.value in new), None)
            if seen is None:
                new[active] = raw
            noted[active] = seen or active
        known |= self._make(connection, new)
        rows = []
        for active, seen in noted.items():
            known[active] = known[seen]
            key_id = names[active][0][0].key_id
            rows.append({"hash": active, "key_id": key_id, self._kind.reference: known[active]})
        if rows:
            connection.execute(insert(self._kind.hashes), rows)
        return {active: known[active] for active in names}

    def _find(self, connection: Connection, hashes: Sequence[bytes]) -> dict[bytes, int]:
        table = self._kind.hashes.c
        found: dict[bytes, int] = {}
        for chunk in chunks(hashes, PARAMETERS):
            query = select(table.hash, table[self._kind.reference]).where(table.hash.in_(chunk))
            found |= {row[0]: row[1] for row in connection.execute(query)}
        return found

    def _make(self, connection: Connection, new: Mapping[bytes, str]) -> dict[bytes, int]:
        if not new:
            return {}
        table = self._kind.table
        made = connection.execute(
            insert(table).returning(table.c.hash, self._kind.key),
            [{"hash": active, "raw_id": raw} for active, raw in new.items()],
        )
        return {row[0]: row[1] for row in made}


class OwnerStore(Store):
    """The part of the record that knows accounts and organisations."""

    def __init__(self, engine: Engine, generation_id: str, codec: TextCodec) -> None:
        super().__init__(engine, generation_id, codec)
        self._account_registry = _Registry(_ACCOUNTS)
        self._organization_registry = _Registry(_ORGANIZATIONS)

    def owners(self, keys: Sequence[OwnerKey]) -> list[Owner]:
        """See `Record.owners`."""
        accounts: _Names = {}
        organizations: _Names = {}
        for key in keys:
            raw_account, raw_organization = key.raw or ("", "")
            accounts.setdefault(key.account[0].value, (key.account, raw_account))
            if key.organization:
                value = key.organization[0].value
                organizations.setdefault(value, (key.organization, raw_organization))
        account, organization = self._references(accounts, organizations)
        return [
            Owner(
                account[key.account[0].value],
                organization[key.organization[0].value] if key.organization else 0,
            )
            for key in keys
        ]

    def find_account(self, hashes: Sequence[bytes]) -> int | None:
        """See `Record.find_account`."""
        return self._find(_ACCOUNTS, hashes)

    def find_organization(self, hashes: Sequence[bytes]) -> int | None:
        """See `Record.find_organization`."""
        return self._find(_ORGANIZATIONS, hashes)

    def account_names(self, accounts: Sequence[int]) -> dict[int, Named]:
        """See `Record.account_names`."""
        return self._names(_ACCOUNTS, accounts)

    def organization_names(self, organizations: Sequence[int]) -> dict[int, Named]:
        """See `Record.organization_names`."""
        return self._names(_ORGANIZATIONS, organizations)

    def account_hashes(self, accounts: Sequence[int]) -> dict[int, list[bytes]]:
        """See `Record.account_hashes`."""
        table = tables.account_hashes
        found: dict[int, list[bytes]] = {}
        with reading(self._engine) as connection:
            for chunk in chunks(accounts, PARAMETERS):
                query = select(table.c.account, table.c.hash).where(table.c.account.in_(chunk))
                for account, value in connection.execute(query):
                    found.setdefault(account, []).append(value)
        return found

    def _references(
        self, accounts: _Names, organizations: _Names
    ) -> tuple[dict[bytes, int], dict[bytes, int]]:
        """Return the references by active hash, making those that are new in one transaction."""
        wanted = (
            (self._account_registry, accounts),
            (self._organization_registry, organizations),
        )
        found = [registry.cached(names) for registry, names in wanted]
        if any(len(have) < len(names) for have, (_, names) in zip(found, wanted, strict=True)):
            with writing(self._engine) as connection:
                for have, (registry, names) in zip(found, wanted, strict=True):
                    missing = {k: name for k, name in names.items() if k not in have}
                    have.update(registry.find_or_make(connection, missing))
            for have, (registry, _) in zip(found, wanted, strict=True):
                registry.remember(have)
        return found[0], found[1]

    def _find(self, kind: _Kind, hashes: Sequence[bytes]) -> int | None:
        query = select(kind.hashes.c[kind.reference]).where(kind.hashes.c.hash.in_(hashes))
        with reading(self._engine) as connection:
            found: int | None = connection.execute(query).scalars().first()
        return found

    def _names(self, kind: _Kind, references: Sequence[int]) -> dict[int, Named]:
        names: dict[int, Named] = {}
        with reading(self._engine) as connection:
            for chunk in chunks(references, PARAMETERS):
                query = select(kind.key, kind.table.c.hash, kind.table.c.raw_id)
                for reference, value, raw in connection.execute(query.where(kind.key.in_(chunk))):
                    names[reference] = Named(value, raw)
        return names
