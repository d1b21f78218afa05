"""Inverted files: rows in lists around centroids, compared within a list by codes.

Codes are 4-bit product codes of two dimensions each, scanned by FAISS with SIMD look-ups ("fast
scan", André et al. 2015, VLDB 9(4), 288–299), a quarter of the size of 8-bit scalar codes and
several times as fast (docs/decisions/0008-index-codes.md). They only choose candidates: what is
near enough is scored again with the vectors themselves.

Embeddings leave some directions nearly unused. Codes may be made of the others alone: vectors are
turned onto the principal directions of the segment that hold most of their length (Jolliffe 2002,
"Principal Component Analysis", without centring, since it is inner products that are to stay), and
among these at random, so that each code has as much to tell (Ge et al. 2013, "Optimized Product
Quantization", CVPR). A third less is read, multiplied and stored then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from simsvc.index.block import Ids, Mask
from simsvc.ports.index import Vectors

Half = npt.NDArray[np.float16]
# Called now and then by what takes long; it raises if that is to be given up.
Check = Callable[[], None]
# Rows that are widened to fp32 at a time.
AT_ONCE = 16_384
# Lists are this many times the root of the rows: more make training slow, fewer make lists long.
_LISTS = 2
# Vectors a list that the clustering looks at: more gains little and takes its time.
_PER_LIST = 64
_LEAST_IN_LIST = 8
# Of k-means: more take longer and bring no recall.
_ROUNDS = 10
# Of the squared length of all vectors, what the directions that are kept must hold.
_KEPT = 0.94
# Where fp32 has sign and value of a half, and 2 to the power that their biases differ by.
_SIGN_AND_VALUE = np.int32(-0x70002000)
_BIAS = np.float32(2.0**112)
# Product codes come in pairs of dimensions, and FAISS scans an even number of them.
_STEP = 8


def carry_on() -> None:
    """Raise nothing: what takes long is to go on."""


@dataclass(frozen=True, slots=True)
class InvertedFile:
    """FAISS's index, of vectors turned onto `directions` (d, ≤ d); None if they are as they are."""

    index: Any
    directions: Vectors | None

    @property
    def lists(self) -> int:
        """Return how many lists there are."""
        count: int = self.index.nlist
        return count

    def search(
        self, queries: Vectors, count: int, visits: int, living: Mask | None = None
    ) -> tuple[Vectors, Ids]:
        """Return the best of each query (n, d) by their codes: scores and positions (n, count).

        In the `visits` nearest lists; −1 for none. Only rows that `living` names are found.
        """
        turned = self._turned(queries)
        lists, nearness = self._nearest_lists(turned, visits)
        scores = np.empty((len(turned), count), np.float32)
        ids = np.empty((len(turned), count), np.int64)
        # Passed along, so that threads do not share state; FAISS's own wrapper takes no parameters.
        parameters = faiss.SearchParametersIVF(  # type: ignore[call-arg]
            nprobe=lists.shape[1], sel=None if living is None else _selector(living)
        )
        arrays = [faiss.swig_ptr(array) for array in (lists, nearness, scores, ids)]
        self.index.search_preassigned_c(
            len(turned), faiss.swig_ptr(turned), count, *arrays, False, parameters
        )
        return scores, ids

    def visited(self, query: Vectors, visits: int) -> Ids:
        """Return the positions of all rows in the lists nearest to a query (d,), ascending."""
        lists, _ = self._nearest_lists(self._turned(query[None]), visits)
        held = self.index.invlists
        parts = [
            faiss.rev_swig_ptr(held.get_ids(number), size).copy()
            for number in lists[0].tolist()
            if (size := held.list_size(number))
        ]
        return np.sort(np.concatenate([np.empty(0, np.int64), *parts]))

    def _turned(self, vectors: Vectors) -> Vectors:
        turned = vectors if self.directions is None else vectors @ self.directions
        return np.ascontiguousarray(turned, np.float32)

    def _nearest_lists(self, queries: Vectors, visits: int) -> tuple[Ids, Vectors]:
        """Return the lists (n, visits) whose centroids are nearest to turned queries, and how near.

        A third of the time that FAISS's own search for that many takes.
        """
        centroids: Any = faiss.downcast_index(self.index.quantizer)
        held = faiss.rev_swig_ptr(centroids.get_xb(), centroids.ntotal * self.index.d)
        nearness = queries @ held.reshape(-1, self.index.d).T
        if visits >= centroids.ntotal:
            everything = np.arange(centroids.ntotal, dtype=np.int64)
            return np.tile(everything, (len(queries), 1)), nearness
        lists = np.argpartition(-nearness, visits - 1, axis=1)[:, :visits]
        chosen = np.take_along_axis(nearness, lists, axis=1)
        return np.ascontiguousarray(lists), np.ascontiguousarray(chosen)


def fill(
    vectors: Vectors | Half,
    directions: Vectors | None = None,
    *,
    product: bool,
    check: Check = carry_on,
) -> InvertedFile:
    """Return an inverted file that holds vectors (n, d), trained on a sample of them.

    By product codes, of some `directions` if they are given, or by 8-bit codes.
    """
    count = len(vectors)
    lists = _lists(count)
    # More than the clustering looks at would only take memory.
    sample = wide(vectors[:: _step(count)])
    dimension = sample.shape[1] if directions is None else directions.shape[1]
    index = _product(dimension, lists) if product else _factory(dimension, lists, "SQ8")
    made = InvertedFile(index, directions)
    index.train(made._turned(sample))
    for start in range(0, count, AT_ONCE):
        check()
        index.add(made._turned(wide(vectors[start : start + AT_ONCE])))
    return made


def unseen(count: int, wanted: int) -> Ids:
    """Return positions of rows that `fill` is not trained on, if there are any, evenly spread.

    Lists lie around what they were trained on: such rows find their neighbours more easily than
    what comes later.
    """
    step = _step(count)
    positions = np.arange(count)
    if step > 1:
        positions = positions[positions % step == 1]
    return positions[:: max(1, len(positions) // wanted)][:wanted]


def _lists(count: int) -> int:
    return max(1, min(int(_LISTS * np.sqrt(count)), count // _LEAST_IN_LIST))


def _step(count: int) -> int:
    """Return which of the rows, every so many, are trained on."""
    return max(1, count // max(_PER_LIST * _lists(count), AT_ONCE))


def _product(dimension: int, lists: int) -> Any:
    index = _factory(dimension, lists, f"PQ{dimension // 2}x4fs")
    # Codes of the vectors themselves: a query is looked up once, not once a list.
    index.by_residual = False
    index.pq.cp.niter = _ROUNDS
    return index


def _factory(dimension: int, lists: int, codes: str) -> Any:
    index: Any = faiss.index_factory(dimension, f"IVF{lists},{codes}", faiss.METRIC_INNER_PRODUCT)
    index.cp.niter = _ROUNDS
    index.cp.min_points_per_centroid = 5
    return index


def main_directions(vectors: Vectors | Half) -> Vectors | None:
    """Return directions (d, m) of vectors (n, d) that hold most of them; None for all.

    Any orthonormal ones of the space of the m principal directions: the first hold no more.
    """
    sample = wide(vectors[:: max(1, len(vectors) // AT_ONCE)])
    squares, directions = np.linalg.eigh(sample.T @ sample)
    held = np.cumsum(squares[::-1]) / squares.sum()
    needed = int(np.searchsorted(held, _KEPT)) + 1
    kept = -(-needed // _STEP) * _STEP
    if kept >= sample.shape[1]:
        return None
    mixing, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((kept, kept)))
    return np.ascontiguousarray(directions[:, ::-1][:, :kept] @ mixing, np.float32)


def wide(vectors: Vectors | Half) -> Vectors:
    """Return vectors (…, d) in fp32; of fp16 ones all components must be finite.

    Their bits are moved to where fp32 has them and the exponent's bias is made up for by a product
    (Giesen 2012, "Half to float done quick"): three times as fast as FAISS, four as NumPy's cast.
    """
    if vectors.dtype != np.float16:
        return np.ascontiguousarray(vectors, np.float32)
    bits = np.ascontiguousarray(vectors).view(np.int16).astype(np.int32)
    bits <<= 13
    # The sign was carried along over the bits between.
    bits &= _SIGN_AND_VALUE
    made: Vectors = bits.view(np.float32)
    made *= _BIAS
    return made


def _selector(living: Mask) -> Any:
    bits: Any = np.packbits(living, bitorder="little")
    return faiss.IDSelectorBitmap(bits)  # type: ignore[call-arg]
