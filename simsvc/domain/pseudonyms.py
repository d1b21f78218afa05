"""Keyed hashes for accounts, organisations and texts."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

# Bytes that SHA-256 takes in at once.
_BLOCK = 64
_PSEUDONYM = re.compile(r"(acct|org)_[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class KeyedHash:
    """A hash (16 bytes) and the id of the key that made it."""

    key_id: str
    value: bytes


class Keyring:
    """The HMAC keys by id. New hashes are made with the active one.

    Older keys stay, so that an account that was first seen under one of them is found again.
    """

    def __init__(self, keys: Mapping[str, bytes], active: str) -> None:
        if active not in keys:
            raise ValueError(f"the active key {active!r} is not among the keys")
        if any(len(key) < 16 for key in keys.values()):
            raise ValueError("a key must be at least 16 bytes long")
        self._keys = {active: keys[active]} | dict(keys)
        self.active = active
        # What every hash of a kind begins with is hashed once.
        self._begun: dict[str, dict[str, _Begun]] = {}

    def all_hashes(self, domain: str, value: str) -> list[KeyedHash]:
        """Hash `value` with every key, the active one first.

        `domain` ("account", "organization") keeps equal ids of different kinds apart.
        """
        raw = value.encode()
        return [KeyedHash(key_id, self._mac(key_id, domain, raw)) for key_id in self._keys]

    def hashes_of(self, kind: str, domain: str, value: str) -> list[bytes]:
        """Return the hashes under which somebody may be recorded, given a raw id or a pseudonym.

        `kind` is that of the pseudonym, "acct" or "org", `domain` as in `all_hashes`.
        """
        raw = value.encode()
        # An account check is little more than this.
        hashes = [begun.mac(raw) for begun in self._begin(domain).values()]
        named = parse_pseudonym(kind, value)
        return [named, *hashes] if named else hashes

    def text_hash(self, view: str, text: str) -> bytes:
        """Hash a view of a prompt with the active key; "" gives b"".

        Keyed, since a plain hash of a short text can be reversed by guessing.
        """
        return self._mac(self.active, view, text.encode()) if text else b""

    def _mac(self, key_id: str, domain: str, value: bytes) -> bytes:
        return self._begin(domain)[key_id].mac(value)

    def _begin(self, domain: str) -> Mapping[str, _Begun]:
        """Return a hash by key id that has taken in what all of this kind begin with."""
        begun = self._begun.get(domain)
        if begun is None:
            start = domain.encode() + b"\0"
            begun = {key_id: _Begun(key, start) for key_id, key in self._keys.items()}
            self._begun[domain] = begun
        return begun


class _Begun:
    """HMAC-SHA-256 (RFC 2104) of what begins alike, by what hashlib has taken in so far.

    An `hmac.HMAC` is wrapped in Python: to copy and finish one takes twice as long.
    """

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes, start: bytes) -> None:
        block = hashlib.sha256(key).digest() if len(key) > _BLOCK else key
        block = block.ljust(_BLOCK, b"\0")
        self._inner = hashlib.sha256(bytes(b ^ 0x36 for b in block) + start)
        self._outer = hashlib.sha256(bytes(b ^ 0x5C for b in block))

    def mac(self, rest: bytes) -> bytes:
        """Return the first 16 bytes of the HMAC of the start and the rest."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(rest)
        outer.update(inner.digest())
        return outer.digest()[:16]


def pseudonym(kind: str, value: bytes) -> str:
    """Return the name that stands for an account ("acct") or organisation ("org") in answers."""
    return f"{kind}_{value.hex()}"


def parse_pseudonym(kind: str, text: str) -> bytes | None:
    """Return the hash in a pseudonym of this kind, or None if `text` is not one."""
    if text.startswith(f"{kind}_") and _PSEUDONYM.fullmatch(text):
        return bytes.fromhex(text.removeprefix(f"{kind}_"))
    return None
