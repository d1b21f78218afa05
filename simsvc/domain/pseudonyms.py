"""Keyed hashes for accounts, organisations and texts."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass

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

    def all_hashes(self, domain: str, value: str) -> list[KeyedHash]:
        """Hash `value` with every key, the active one first.

        `domain` ("account", "organization") keeps equal ids of different kinds apart.
        """
        return [
            KeyedHash(key_id, _mac(key, domain, value.encode()))
            for key_id, key in self._keys.items()
        ]

    def hashes_of(self, kind: str, domain: str, value: str) -> list[bytes]:
        """Return the hashes under which somebody may be recorded, given a raw id or a pseudonym.

        `kind` is that of the pseudonym, "acct" or "org", `domain` as in `all_hashes`.
        """
        named = parse_pseudonym(kind, value)
        hashes = [h.value for h in self.all_hashes(domain, value)]
        return [named, *hashes] if named else hashes

    def text_hash(self, view: str, text: str) -> bytes:
        """Hash a view of a prompt with the active key; "" gives b"".

        Keyed, since a plain hash of a short text can be reversed by guessing.
        """
        return _mac(self._keys[self.active], view, text.encode()) if text else b""


def _mac(key: bytes, domain: str, value: bytes) -> bytes:
    return hmac.digest(key, domain.encode() + b"\0" + value, hashlib.sha256)[:16]


def pseudonym(kind: str, value: bytes) -> str:
    """Return the name that stands for an account ("acct") or organisation ("org") in answers."""
    return f"{kind}_{value.hex()}"


def parse_pseudonym(kind: str, text: str) -> bytes | None:
    """Return the hash in a pseudonym of this kind, or None if `text` is not one."""
    if _PSEUDONYM.fullmatch(text) and text.startswith(f"{kind}_"):
        return bytes.fromhex(text.removeprefix(f"{kind}_"))
    return None
