"""Frames: instructions that repeat while the payload varies, also inside a user's turn.

A shingle (see `shingles`) that at least `shared_by` accounts have sent is shared. A run of words
that shared shingles cover, `least_words` long or longer, is frame; what is left of the turn is
payload. A turn of which nothing much is left is a repeated prompt, not a frame.

What is remembered has a fixed size: a table of slots, each with a shingle's tag, a bitmap of the
accounts that sent it (linear counting; Whang et al. 1990, ACM TODS 15, 208–229) and the frame that
it belongs to. A frame has the name of the first run seen of it; a later run, which may differ in a
few words, belongs to the frame that most of its shingles know.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from simsvc.domain.shingles import GAP, WIDTH, Hashes, Shingles, word_spans

_BITS = 64
_SPREAD = 0x9E3779B97F4A7C15
_SLOTS = 2**20
_LEAST_REST = 3
# Shingles that are counted at once.
_PORTION = 8192


@dataclass(frozen=True, slots=True)
class FrameRule:
    """When words are frame: accounts that share them, and the least length of a run."""

    shared_by: int = 5
    least_words: int = 8


@dataclass(frozen=True, slots=True)
class Framed:
    """A turn taken apart: the payload, and which of its shingles (n,) lie in the frame.

    `cuts` (c, 2) are the character positions that the frame takes: see `payload_of`.
    """

    payload: str
    inside: npt.NDArray[np.bool_]
    cuts: npt.NDArray[np.int64]


class Note(NamedTuple):
    """A prompt that was counted before: its shingles, 8 bytes each, and who sent it.

    Where shingles lie in a frame, `frame` is its name and `framed` are those.
    """

    shingles: bytes
    actor: int
    framed: Hashes
    frame: int


class FrameTable:
    """Counts which shingles many accounts share. One thread."""

    def __init__(self, rule: FrameRule, slots: int = _SLOTS) -> None:
        self._rule = rule
        self._tags = np.zeros(slots, np.uint64)
        self._seen = np.zeros(slots, np.uint64)
        self._frames = np.zeros(slots, np.int64)

    def note(self, hashes: Hashes, actor: int) -> None:
        """Count an actor for shingles. A slot that one actor holds gives way to a newer shingle."""
        if not len(hashes):
            return
        slots = self._slots(hashes)
        other = self._tags[slots] != hashes
        free = other & (np.bitwise_count(self._seen[slots]) <= 1)
        taken = slots[free]
        self._tags[taken], self._seen[taken], self._frames[taken] = hashes[free], 0, 0
        mine = slots[self._tags[slots] == hashes]
        self._seen[mine] |= _bit(actor)

    def note_again(self, notes: Sequence[Note]) -> None:
        """Count prompts that `note` and `name` have counted before, in order, to the same end.

        Slots do not touch each other. Where all shingles of some prompts that fall into one are the
        same, their order decides nothing, and they are counted at once; only the others one by one.
        """
        for part in _portions(notes):
            hashes = np.frombuffer(b"".join([n.shingles for n in part]), "<u8").astype(np.uint64)
            owners = np.repeat(np.arange(len(part)), [len(n.shingles) // 8 for n in part])
            slots = self._slots(hashes)
            contested = self._contested(slots, hashes)
            bits = _bits(np.array([note.actor for note in part], np.int64))[owners]
            self._note_alone(slots[~contested], hashes[~contested], bits[~contested])
            late = set(owners[contested].tolist())
            framed = {place for place, note in enumerate(part) if note.frame}
            for place in sorted(late | framed):
                if place in late:
                    self.note(hashes[contested & (owners == place)], part[place].actor)
                if place in framed:
                    self.restore(part[place].framed, part[place].frame)

    def take_apart(self, text: str, shingles: Shingles) -> Framed:
        """Split a user's turn into frame and payload. Reads only."""
        return self.take_all_apart([text], [shingles])[0]

    def take_all_apart(self, texts: Sequence[str], shingles: Sequence[Shingles]) -> list[Framed]:
        """Split users' turns, given the shingles of each. Reads only."""
        hashes = np.concatenate([one.hashes for one in shingles])
        slots = self._slots(hashes)
        known = self._tags[slots] == hashes
        shared = known & (np.bitwise_count(self._seen[slots]) >= self._rule.shared_by)
        ends = np.cumsum([len(one.hashes) for one in shingles]).tolist()
        return [
            self._taken_apart(text, one, shared[end - len(one.hashes) : end])
            for text, one, end in zip(texts, shingles, ends, strict=True)
        ]

    def _taken_apart(self, text: str, shingles: Shingles, shared: npt.NDArray[np.bool_]) -> Framed:
        whole = Framed(text, np.zeros(len(shared), np.bool_), np.empty((0, 2), np.int64))
        if not shared.any():
            return whole
        spans = word_spans(text)
        covered = self._runs(shingles.starts[shared], spans)
        rest = int((~covered).sum())
        if not covered.any() or rest < _LEAST_REST:
            return whole
        inside = shared & covered[shingles.starts]
        cuts = _cuts(spans, covered)
        return Framed(payload_of(text, cuts), inside, cuts)

    def name(self, hashes: Hashes) -> int:
        """Return the name of the frame with these shingles; 0 if it is too short to have one."""
        slots = self._slots(hashes)
        mine = self._tags[slots] == hashes
        return self._name(slots[mine], hashes[mine]) if mine.any() else 0

    def restore(self, hashes: Hashes, frame: int) -> None:
        """Give shingles back the frame that `name` gave them."""
        slots = self._slots(hashes)
        mine = slots[self._tags[slots] == hashes]
        self._frames[mine[self._frames[mine] == 0]] = frame

    def _contested(self, slots: npt.NDArray[np.int64], hashes: Hashes) -> npt.NDArray[np.bool_]:
        """Return which of shingles (n,) fall into a slot with others that are not the same."""
        order = np.argsort(slots, kind="stable")
        ordered, tags = slots[order], hashes[order]
        meet = (ordered[1:] == ordered[:-1]) & (tags[1:] != tags[:-1])
        here = np.zeros(len(self._tags), np.bool_)
        here[ordered[1:][meet]] = True
        return here[slots]

    def _note_alone(
        self, slots: npt.NDArray[np.int64], hashes: Hashes, bits: npt.NDArray[np.uint64]
    ) -> None:
        """Count shingles (n,) for actors' bits (n,) of which no two differ in one slot."""
        free = (self._tags[slots] != hashes) & (np.bitwise_count(self._seen[slots]) <= 1)
        taken = slots[free]
        self._tags[taken], self._seen[taken], self._frames[taken] = hashes[free], 0, 0
        mine = self._tags[slots] == hashes
        np.bitwise_or.at(self._seen, slots[mine], bits[mine])

    def _slots(self, hashes: Hashes) -> npt.NDArray[np.int64]:
        return (hashes % np.uint64(len(self._tags))).astype(np.int64)

    def _runs(
        self, starts: npt.NDArray[np.int64], spans: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.bool_]:
        """Return which words (words,) lie in a run that is long enough."""
        covered = np.zeros(len(spans), np.bool_)
        for start in starts.tolist():
            covered[start : start + WIDTH] = True
        # Winnowing may pass over so many words at each end of what is shared.
        for begin, end in _stretches(~covered):
            if end - begin <= GAP and (begin == 0 or end == len(spans) or end - begin < GAP):
                covered[begin:end] = True
        # A single character is half a word: it may be a sign of a script without spaces.
        weights = np.where(spans[:, 1] - spans[:, 0] == 1, 0.5, 1.0)
        for begin, end in _stretches(covered):
            if weights[begin:end].sum() < self._rule.least_words:
                covered[begin:end] = False
        return covered

    def _name(self, slots: npt.NDArray[np.int64], hashes: Hashes) -> int:
        named = self._frames[slots]
        known, counts = np.unique(named[named != 0], return_counts=True)
        if len(known) and counts.max() * 3 >= len(slots):
            frame = int(known[counts.argmax()])
        else:
            frame = int(hashes.min() >> np.uint64(1)) or 1
        self._frames[slots[named == 0]] = frame
        return frame


def _portions(notes: Sequence[Note]) -> Iterator[list[Note]]:
    """Cut notes so that few shingles of one portion meet in a slot."""
    part: list[Note] = []
    held = 0
    for note in notes:
        part.append(note)
        held += len(note.shingles) // 8
        if held >= _PORTION:
            yield part
            part, held = [], 0
    if part:
        yield part


def _bit(actor: int) -> np.uint64:
    return np.uint64(1 << (hash_actor(actor) % _BITS))


def _bits(actors: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    """Return the `_bit` of each actor (n,)."""
    spread = actors.astype(np.uint64) * np.uint64(_SPREAD) >> np.uint64(40)
    return np.uint64(1) << spread % np.uint64(_BITS)


def hash_actor(actor: int) -> int:
    """Spread actors' references over the integers (Knuth's multiplicative hash)."""
    return (actor * _SPREAD & 0xFFFFFFFFFFFFFFFF) >> 40


def _stretches(flags: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return where flags are true, as (begin, end) pairs."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], flags.view(np.int8), [0]))))
    return [(int(begin), int(end)) for begin, end in edges.reshape(-1, 2)]


def _cuts(spans: npt.NDArray[np.int64], covered: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Return the character positions (c, 2) of the runs of covered words."""
    runs = [(spans[begin, 0], spans[end - 1, 1]) for begin, end in _stretches(covered)]
    return np.array(runs, np.int64).reshape(-1, 2)


def payload_of(text: str, cuts: npt.NDArray[np.int64]) -> str:
    """Return what lies outside the cuts (c, 2), a line for each piece; all of it without cuts."""
    if not len(cuts):
        return text
    pieces: list[str] = []
    at = 0
    for begin, end in cuts.tolist():
        pieces.append(text[at:begin])
        at = end
    pieces.append(text[at:])
    kept = (piece.strip() for piece in pieces)
    return "\n".join(piece for piece in kept if any(c.isalnum() for c in piece))
