"""Opaque page and resume tokens, bound to the query that they came from."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from typing import Any

from simsvc.domain.errors import InvalidError, Violation

_TAG_BYTES = 12


class TokenSealer:
    """Seals a small value into a token, and opens it only for the same query.

    The tag is a keyed hash over query and value: a token from another query, another server key or
    a made-up one does not open.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def seal(self, query: str, value: list[Any]) -> str:
        """Return a URL-safe token that holds `value` (JSON types)."""
        body = json.dumps(value, separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(self._tag(query, body) + body).decode().rstrip("=")

    def open(self, query: str, token: str, field: str) -> list[Any]:
        """Return the value. InvalidError naming `field` if the token is not one for this query."""
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        tag, body = raw[:_TAG_BYTES], raw[_TAG_BYTES:]
        if not hmac.compare_digest(tag, self._tag(query, body)):
            raise InvalidError(
                [Violation(field, "TOKEN_MISMATCH", "is not a token for this query and filter")]
            )
        value: list[Any] = json.loads(body)
        return value

    def _tag(self, query: str, body: bytes) -> bytes:
        message = hashlib.sha256(query.encode()).digest() + body
        return hmac.digest(self._key, message, hashlib.sha256)[:_TAG_BYTES]
