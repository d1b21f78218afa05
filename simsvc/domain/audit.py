"""The audit log: what was done, by whom, chained by keyed hashes. Times are µs since the epoch."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass


@dataclass(frozen=True, slots=True)
class AuditNote:
    """Who did what to what: ids and a keyed hash of a query text, never the text.

    `before` and `after` are JSON objects with the same keys, for people; `detail` is what undoing
    it takes, as JSON. `undoes` is the position of the entry that this one takes back, or 0.
    """

    at: int
    principal: str
    action: str
    subject: str
    campaign_id: str = ""
    before: str = ""
    after: str = ""
    comment: str = ""
    undoes: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """A note in the log. `digest` links it to the one before, b"" in one older than the chain.

    `undone_by` is the position of the entry that took it back, or 0.
    """

    position: int
    note: AuditNote
    key_id: str
    digest: bytes
    undone_by: int = 0


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries; "" for any."""

    principal: str = ""
    action: str = ""
    campaign_id: str = ""


class AuditChain:
    """Links entries: the digest of one is an HMAC over it and the digest of the one before.

    Whoever changes, removes or adds an entry in the middle without the key breaks every link from
    there on. One that is cut off at the end is found by whoever noted the newest digest.
    """

    def __init__(self, keys: Mapping[str, bytes], active: str) -> None:
        self._keys = dict(keys)
        self.active = active

    def link(self, before: bytes, position: int, note: AuditNote, key_id: str = "") -> bytes:
        """Return the digest (32 bytes) of an entry that follows one with the digest `before`.

        KeyError if the key, by default the active one, is not known.
        """
        key = self._keys[key_id or self.active]
        body = json.dumps([position, *astuple(note)], ensure_ascii=True, separators=(",", ":"))
        return hmac.digest(key, before + body.encode(), hashlib.sha256)

    def knows(self, key_id: str) -> bool:
        """Return whether a key is there to check with."""
        return key_id in self._keys


UNKEYED = AuditChain({"unkeyed": b""}, "unkeyed")


@dataclass(frozen=True, slots=True)
class ChainReport:
    """How far a log is whole. `broken` is the position of the first entry that is not, or 0."""

    entries: int = 0
    unchained: int = 0
    head: bytes = b""
    broken: int = 0
    last: int = 0


def checked(chain: AuditChain, entries: Iterable[AuditEntry], so_far: ChainReport) -> ChainReport:
    """Check entries that follow those of a report, in ascending order, up to the first broken one.

    An entry without a digest after one that has it is broken: it was put in without the key.
    """
    count, unchained, head, last = so_far.entries, so_far.unchained, so_far.head, so_far.last
    for entry in entries:
        if not entry.digest and not head:
            unchained, count, last = unchained + 1, count + 1, entry.position
            continue
        whole = (
            entry.position == last + 1
            and chain.knows(entry.key_id)
            and hmac.compare_digest(
                chain.link(head, entry.position, entry.note, entry.key_id), entry.digest
            )
        )
        if not whole:
            return ChainReport(count, unchained, head, entry.position, last)
        head, count, last = entry.digest, count + 1, entry.position
    return ChainReport(count, unchained, head, 0, last)
