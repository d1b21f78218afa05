"""Accounts and organisations, known by keyed hashes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
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


class _Registry:
    """References by hash, made on first sight, the recent ones cached."""

    def __init__(self, kind: _Kind) -> None:
        self._kind = kind
        self._cache: OrderedDict[bytes, int] = OrderedDict()

    def cached(self, key: tuple[KeyedHash, ...]) -> bool:
        return key[0].value in self._cache

    def reference(self, connection: Connection | None, key: tuple[KeyedHash, ...], raw: str) -> int:
        """Return the reference; the connection is needed only where it is not cached."""
        active = key[0].value
        reference = self._cache.get(active)
        if reference is not None:
            self._cache.move_to_end(active)
        else:
            if connection is None:
                raise LookupError("a name that is not cached needs a connection")
            reference = self._find_or_make(connection, key, raw)
            self._cache[active] = reference
            if len(self._cache) > _CACHED:
                self._cache.popitem(last=False)
        return reference

    def forget(self, key: tuple[KeyedHash, ...]) -> None:
        """Take back what a transaction that failed put into the cache."""
        self._cache.pop(key[0].value, None)

    def _find_or_make(self, connection: Connection, key: tuple[KeyedHash, ...], raw: str) -> int:
        kind = self._kind
        known = {
            row.hash: row[1]
            for row in connection.execute(
                select(kind.hashes.c.hash, kind.hashes.c[kind.reference]).where(
                    kind.hashes.c.hash.in_([h.value for h in key])
                )
            )
        }
        active = key[0]
        if active.value in known:
            return int(known[active.value])
        if known:
            # Seen under an older key: the same account under one more hash.
            reference = int(next(iter(known.values())))
        else:
            made = connection.execute(insert(kind.table).values(hash=active.value, raw_id=raw))
            reference = int(made.inserted_primary_key[0])  # type: ignore[index]
        connection.execute(
            insert(kind.hashes).values(
                {"hash": active.value, "key_id": active.key_id, kind.reference: reference}
            )
        )
        return reference


class OwnerStore(Store):
    """The part of the record that knows accounts and organisations."""

    def __init__(self, engine: Engine, generation_id: str, codec: TextCodec) -> None:
        super().__init__(engine, generation_id, codec)
        self._account_registry = _Registry(_ACCOUNTS)
        self._organization_registry = _Registry(_ORGANIZATIONS)

    def owners(self, keys: Sequence[OwnerKey]) -> list[Owner]:
        """See `Record.owners`."""
        new = [k for k in keys if not self._is_cached(k)]
        if not new:
            return [self._owner(None, k) for k in keys]
        try:
            with writing(self._engine) as connection:
                return [self._owner(connection, k) for k in keys]
        except BaseException:
            for key in new:
                self._account_registry.forget(key.account)
                if key.organization:
                    self._organization_registry.forget(key.organization)
            raise

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

    def _is_cached(self, key: OwnerKey) -> bool:
        organization = not key.organization or self._organization_registry.cached(key.organization)
        return organization and self._account_registry.cached(key.account)

    def _owner(self, connection: Connection | None, key: OwnerKey) -> Owner:
        raw_account, raw_organization = key.raw or ("", "")
        account = self._account_registry.reference(connection, key.account, raw_account)
        if not key.organization:
            return Owner(account, 0)
        return Owner(
            account,
            self._organization_registry.reference(connection, key.organization, raw_organization),
        )

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
