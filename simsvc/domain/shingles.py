"""Word shingles: which short runs of words a text holds, and where.

A shingle is a hash of `WIDTH` consecutive words. Of each `_WINDOW` consecutive shingles the one
with the least hash is kept (winnowing; Schleimer, Wilkerson, Aiken 2003, SIGMOD, 76–85): texts that
share a run of `WIDTH` + `_WINDOW` − 1 words are sure to keep a shingle of it in common, wherever
the run lies.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

WIDTH = 6
_WINDOW = 3
# Words at either end of a shared run that no kept shingle may cover.
GAP = _WINDOW - 1
_HEAD_SIGNS = 6000
_TAIL_SIGNS = 3000
# A frame stands at either end as a rule: each end of a long text keeps shingles of its own.
_END_WORDS = 128
_KEPT = 72
# Scripts without spaces: each sign counts as a word.
_SIGNS = "\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(f"[{_SIGNS}]|[^\\W{_SIGNS}]+")
_FACTORS = np.array([pow(0x9E3779B97F4A7C15, i + 1, 2**64) for i in range(WIDTH)], np.uint64)

Hashes = npt.NDArray[np.uint64]
Starts = npt.NDArray[np.int64]
_NO_HASHES, _NO_STARTS = np.empty(0, np.uint64), np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Shingles:
    """The kept shingles of a text: hashes (n,) and the word at which each starts (n,).

    Words are numbered as in `words_of` and `word_spans`.
    """

    hashes: Hashes
    starts: npt.NDArray[np.int64]


def shingles_of(text: str, key: bytes) -> Shingles:
    """Cut a text into words and keep its shingles, hashed under a key of up to 64 bytes."""
    return shingles_of_all([text], key)[0]


def shingles_of_all(texts: Sequence[str], key: bytes) -> list[Shingles]:
    """Do as `shingles_of` with each text, in a few steps for all of them together."""
    found = [words_of(text) for text in texts]
    kept = [Shingles(_NO_HASHES, _NO_STARTS)] * len(found)
    long = [i for i, words in enumerate(found) if len(words) >= WIDTH]
    if not long:
        return kept
    hashed = np.array([_word_hash(word, key) for i in long for word in found[i]], np.uint64)
    mixed = _mix(_sums(hashed))
    counts = np.array([len(found[i]) for i in long], np.int64)
    begins = np.cumsum(counts) - counts
    for i, begin, starts in zip(long, begins.tolist(), _winnowed(mixed, counts), strict=True):
        words = len(found[i])
        own = mixed[begin : begin + words - WIDTH + 1]
        chosen = _thinned(starts, own, words)
        kept[i] = Shingles(own[chosen], chosen)
    return kept


def _thinned(starts: Starts, hashes: Hashes, words: int) -> Starts:
    """Keep no more than `_KEPT` of either end and the middle of a text."""
    if len(starts) <= _KEPT:
        return starts
    tail = words - _END_WORDS
    zones = (starts < _END_WORDS, (starts >= _END_WORDS) & (starts < tail), starts >= tail)
    return np.concatenate([_least(starts[zone], hashes) for zone in zones])


def _least(starts: Starts, hashes: Hashes) -> Starts:
    """Keep those with the least hashes: the same choice in every text that holds them."""
    chosen = np.argsort(hashes[starts], kind="stable")[:_KEPT]
    return np.sort(starts[chosen])


def words_of(text: str) -> list[str]:
    """Return a text's words, case-folded. Of a very long text, those of its two ends."""
    return [
        word.casefold() for stretch in _stretches(text) for word in _WORD.findall(text, *stretch)
    ]


def word_spans(text: str) -> npt.NDArray[np.int64]:
    """Return the character positions (words, 2) of the words that `words_of` returns."""
    found = [m.span() for stretch in _stretches(text) for m in _WORD.finditer(text, *stretch)]
    return np.array(found, np.int64).reshape(-1, 2)


def _stretches(text: str) -> list[tuple[int, int]]:
    """Return where words are looked for: in all of a text, or at the two ends of a long one."""
    if len(text) <= _HEAD_SIGNS + _TAIL_SIGNS:
        return [(0, len(text))]
    return [(0, _HEAD_SIGNS), (len(text) - _TAIL_SIGNS, len(text))]


@lru_cache(maxsize=65_536)
def _word_hash(word: str, key: bytes) -> int:
    digest = hashlib.blake2b(word.encode(errors="surrogatepass"), key=key, digest_size=8).digest()
    return int.from_bytes(digest, "little")


def _sums(hashed: Hashes) -> Hashes:
    """Return what the hashes (n,) of each `WIDTH` consecutive words come to, weighted by place."""
    weighted = hashed[:, None] * _FACTORS
    count = len(hashed) - WIDTH + 1
    # Row j holds the weights of words j to j + WIDTH − 1: its step is a word on and a place on.
    step = weighted.itemsize
    runs = np.ndarray(
        (count, WIDTH), np.uint64, weighted, strides=(WIDTH * step, (WIDTH + 1) * step)
    )
    return np.asarray(runs.sum(axis=1))


def _mix(values: Hashes) -> Hashes:
    """Spread the bits (the finaliser of MurmurHash3, public domain)."""
    values = (values ^ (values >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    values = (values ^ (values >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return values ^ (values >> np.uint64(33))


def _winnowed(hashes: Hashes, counts: npt.NDArray[np.int64]) -> list[Starts]:
    """Return the words at which kept shingles of each text start, by its count of words (t,).

    `hashes` are those of all texts' words end to end; a shingle that runs into the next text is
    none.
    """
    ends = np.cumsum(counts)
    begins = ends - counts
    shingles = counts - WIDTH + 1
    windows = max(len(hashes) - _WINDOW + 1, 0)
    least, chosen = hashes[:windows], np.arange(windows)
    for i in range(1, _WINDOW):
        later = hashes[i : i + windows]
        chosen = np.where(later < least, np.arange(i, i + windows), chosen)
        least = np.minimum(least, later)
    last = np.repeat(begins + shingles - _WINDOW, counts)[:windows]
    chosen = chosen[np.arange(windows) <= last]
    # The least of a window that moves on never lies before that of the last one.
    moved = np.ones(len(chosen), np.bool_)
    np.not_equal(chosen[1:], chosen[:-1], out=moved[1:])
    chosen = chosen[moved]
    bounds = np.searchsorted(chosen, [begins, ends])
    return [
        # Fewer than fill a window: the least of them.
        chosen[low:high] - begin if count >= _WINDOW
        else np.array([hashes[begin : begin + count].argmin()], np.int64)
        for begin, count, low, high in zip(
            begins.tolist(), shingles.tolist(), *bounds.tolist(), strict=True
        )
    ]  # fmt: skip
