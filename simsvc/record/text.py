"""How the text of a prompt lies in the record: not at all, plain, or encrypted."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from simsvc.domain.prompt import Message, Role

_PLAIN = ""
_NONCE_BYTES = 12
SHOWN, NOT_STORED, KEY_MISSING = "shown", "not_stored", "key_missing"


@dataclass(frozen=True, slots=True)
class StoredText:
    """The bytes and the id of the key that they are encrypted under ("" if plain)."""

    key_id: str | None
    data: bytes | None


class TextCodec(Protocol):
    """Writes texts one way, and reads all ways that it has the keys for."""

    def encode(self, seq: int, messages: tuple[Message, ...]) -> StoredText:
        """Return what is stored."""
        ...

    def decode(self, seq: int, stored: StoredText) -> tuple[tuple[Message, ...] | None, str]:
        """Return the messages, or None, and their state: shown, not_stored or key_missing."""
        ...


class _ReadsAll:
    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}

    def decode(self, seq: int, stored: StoredText) -> tuple[tuple[Message, ...] | None, str]:
        if stored.data is None or stored.key_id is None:
            return None, NOT_STORED
        if stored.key_id == _PLAIN:
            return _parse(stored.data), SHOWN
        cipher = self._ciphers.get(stored.key_id)
        if cipher is None:
            return None, KEY_MISSING
        nonce, sealed = stored.data[:_NONCE_BYTES], stored.data[_NONCE_BYTES:]
        try:
            return _parse(cipher.decrypt(nonce, sealed, _bound_to(seq))), SHOWN
        except InvalidTag:
            # Another key under the same id, or a row that was moved or changed.
            return None, KEY_MISSING


class NoText(_ReadsAll):
    """Stores no text."""

    def encode(self, seq: int, messages: tuple[Message, ...]) -> StoredText:
        """Return nothing to store."""
        return StoredText(None, None)


class PlainText(_ReadsAll):
    """Stores text as it is."""

    def encode(self, seq: int, messages: tuple[Message, ...]) -> StoredText:
        """Return the messages as JSON."""
        return StoredText(_PLAIN, _serialise(messages))


class EncryptedText(_ReadsAll):
    """Stores text under AES-256-GCM, bound to its seq so that rows cannot be swapped."""

    def __init__(self, keys: Mapping[str, bytes], active: str) -> None:
        super().__init__(keys)
        self._active = active

    def encode(self, seq: int, messages: tuple[Message, ...]) -> StoredText:
        """Return the messages encrypted with the active key."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._ciphers[self._active].encrypt(nonce, _serialise(messages), _bound_to(seq))
        return StoredText(self._active, nonce + sealed)


def _bound_to(seq: int) -> bytes:
    return f"simsvc prompt {seq}".encode()


def _serialise(messages: tuple[Message, ...]) -> bytes:
    return json.dumps([[m.role, m.content] for m in messages], ensure_ascii=False).encode()


def _parse(data: bytes) -> tuple[Message, ...]:
    return tuple(Message(Role(role), content) for role, content in json.loads(data))
