"""Prompts as the detector sees them, and a compact store of those that lead a family or may."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from dataclasses import dataclass, field
from struct import Struct
from typing import NamedTuple

import numpy as np

from simsvc.core.activity import Activity
from simsvc.domain.campaign import Member
from simsvc.domain.trace import NO_TRACE, Trace

_RECENT = 4096
_SAMPLE = 16
# Members from which a family keeps count of when they were active.
_LARGE = 64
_LONE_DTYPE = np.dtype(
    [("seq", "i8"), ("account", "i8"), ("actor", "i8"), ("observed_at", "i8"), ("text", "V16")]
)
# One such row: NumPy takes several times as long to write one.
_LONE = Struct("<qqqq16s")


class Sighting(NamedTuple):
    """A recorded prompt; `family` is 0 where it has none, `text` is its payload's hash."""

    seq: int
    account: int
    actor: int
    observed_at: int
    family: int
    text: bytes
    trace: Trace = NO_TRACE


@dataclass(slots=True)
class Family:
    """What is counted of one family of near-duplicates.

    `owners` are its actors; `recent` are the time (µs) and text hash of the latest prompts.
    """

    members: dict[int, Member] = field(default_factory=dict)
    owners: set[int] = field(default_factory=set)
    recent: deque[tuple[int, bytes]] = field(default_factory=lambda: deque(maxlen=_RECENT))
    prompts: int = 0
    sample: list[int] = field(default_factory=list)
    # Of a large one, from when it is asked for: going through all members would take ever longer.
    activity: Activity | None = None

    def add(self, seen: Sighting) -> None:
        """Count a prompt."""
        part = Member(seen.account, seen.actor, seen.observed_at, seen.observed_at, 1)
        known = self.members.get(seen.account)
        joined = known.joined(part) if known else part
        self.members[seen.account] = joined
        if known and known.actor != joined.actor:
            self.owners = {m.actor for m in self.members.values()}
            self.activity = None
        self.owners.add(joined.actor)
        if self.activity is not None:
            self.activity.note(joined.actor, seen.observed_at)
        self.prompts += 1
        self.recent.append((seen.observed_at, seen.text))
        if len(self.sample) < _SAMPLE:
            self.sample.append(seen.seq)

    def actors(self) -> set[int]:
        """Return all that sent it, organisations collapsed."""
        return self.owners

    def active_since(self, start: int, window: int) -> int:
        """Count those that sent it at `start` or later, about a `window` ago (µs)."""
        if len(self.members) < _LARGE:
            return len({m.actor for m in self.members.values() if m.last_seen >= start})
        return self._counted(window).active_since(start)

    def known_before(self, start: int, window: int) -> int:
        """Count those that sent it before `start`."""
        if len(self.members) < _LARGE:
            return len({m.actor for m in self.members.values() if m.first_seen < start})
        return self._counted(window).known_before(start)

    def _counted(self, window: int) -> Activity:
        if self.activity is None:
            self.activity = Activity(window)
            for member in self.members.values():
                self.activity.note(member.actor, member.first_seen)
                self.activity.note(member.actor, member.last_seen)
        return self.activity

    def forget(self, before: int) -> None:
        """Drop members last seen before this time (µs)."""
        self.members = {a: m for a, m in self.members.items() if m.last_seen >= before}
        self.owners = {m.actor for m in self.members.values()}
        self.activity = None
        self.prompts = sum(m.prompts for m in self.members.values())
        self.recent = deque((r for r in self.recent if r[0] >= before), maxlen=_RECENT)

    def text_share(self) -> float:
        """Return distinct texts a prompt, of the `recent` ones."""
        return self.distinct_texts() / max(1, len(self.recent))

    def distinct_texts(self) -> int:
        """Return how many wordings the `recent` prompts have."""
        return len({text for _, text in self.recent})


class LonePrompts:
    """Prompts without a family, 48 bytes each, by ascending seq: any may yet lead one."""

    def __init__(self) -> None:
        self._hold(b"")

    def __len__(self) -> int:
        return self._count

    def add(self, seen: Sighting) -> None:
        """Keep a prompt; its seq is above all that were added before."""
        if self._count == len(self._rows):
            self._hold(self._raw)
        _LONE.pack_into(
            self._raw, self._count * _LONE.size,
            seen.seq, seen.account, seen.actor, seen.observed_at, seen.text,
        )  # fmt: skip
        self._count += 1

    def find(self, seq: int) -> Sighting | None:
        """Return the prompt with this seq."""
        # NumPy's own search would copy the column of all rows.
        at = bisect_left(self._rows["seq"], seq, 0, self._count)
        if at == self._count or self._rows["seq"][at] != seq:
            return None
        row = self._rows[at]
        return Sighting(
            seq,
            int(row["account"]),
            int(row["actor"]),
            int(row["observed_at"]),
            0,
            bytes(row["text"]),
        )

    def forget(self, before: int) -> None:
        """Drop those observed before this time (µs)."""
        live = self._rows[: self._count]
        kept = live[live["observed_at"] >= before]
        self._hold(kept.tobytes())

    def _hold(self, raw: bytes | bytearray) -> None:
        """Keep rows, with room for as many again."""
        self._count = len(raw) // _LONE.size
        room = max(1024, 2 * self._count) * _LONE.size
        self._raw = bytearray(raw).ljust(room, b"\0")
        self._rows = np.frombuffer(self._raw, _LONE_DTYPE)
