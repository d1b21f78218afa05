"""Sketches of sets of keyed hashes: what two houses can compare without showing what they hold.

A sketch is the set's `SIZE` least hashes (bottom-k, a MinHash; Broder 1997, "On the resemblance and
containment of documents"; Cohen & Kaplan 2007, PODC). They are a uniform sample of the set, so the
share of them that another set holds estimates the share of the whole, with the standard error
√(p (1 − p)/n) of a sample of n.
"""

from __future__ import annotations

import hashlib
import math
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simsvc.domain.shingles import shingles_of

Hashes = npt.NDArray[np.uint64]
SIZE = 128
# A set of fewer shingles is too short to tell one frame from another.
LEAST = 4


@dataclass(frozen=True, slots=True)
class Sketch:
    """The least hashes of a set (n,), ascending, and the size of the set."""

    values: tuple[int, ...]
    size: int

    def part_in(self, hashes: Hashes) -> float:
        """Return the share of the sketch that a set (m,) holds."""
        return float(np.isin(self.array(), hashes).mean()) if self.values else 0.0

    def array(self) -> Hashes:
        """Return the hashes (n,)."""
        return np.array(self.values, np.uint64)

    def error(self, part: float) -> float:
        """Return the standard error of an estimated share."""
        if not self.values or len(self.values) == self.size:
            return 0.0  # All of the set, no sample.
        return math.sqrt(part * (1 - part) / len(self.values))


class Sketches:
    """Many sketches, held against one set after another: all of them at once."""

    def __init__(self, sketches: Sequence[Sketch]) -> None:
        counts = [len(sketch.values) for sketch in sketches]
        values = np.concatenate([np.empty(0, np.uint64), *(s.array() for s in sketches)])
        order = np.argsort(values, kind="stable")
        self._values = values[order]
        self._owners = np.repeat(np.arange(len(counts)), counts)[order]
        self._counts = np.maximum(np.array(counts, np.int64), 1)

    def parts_in(self, hashes: Hashes) -> dict[int, float]:
        """Return by place the share of each sketch that a set (m,) holds, where it holds any."""
        mine = np.unique(hashes)
        begins = np.searchsorted(self._values, mine, "left")
        ends = np.searchsorted(self._values, mine, "right")
        runs = zip(begins[ends > begins].tolist(), ends[ends > begins].tolist(), strict=True)
        places = [self._owners[begin:end] for begin, end in runs]
        if not places:
            return {}
        held = np.bincount(np.concatenate(places), minlength=len(self._counts))
        parts = held / self._counts
        return {place: float(parts[place]) for place in np.flatnonzero(held).tolist()}


def sketch_of(hashes: Iterable[int]) -> Sketch:
    """Return the sketch of a set."""
    whole = sorted(set(hashes))
    return Sketch(tuple(whole[:SIZE]), len(whole))


def frame_hashes(text: str, key: bytes) -> Hashes:
    """Return the keyed hashes of a text's word shingles (n,)."""
    return shingles_of(unicodedata.normalize("NFKC", text), key).hashes


def item_hash(text: str, key: bytes) -> int:
    """Return the keyed hash of a whole text, the same whatever its case and spaces."""
    plain = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    body = plain.encode(errors="surrogatepass")
    return int.from_bytes(hashlib.blake2b(body, key=key, digest_size=8).digest(), "big")
