"""Vectors for texts that a model has no words for.

A model's tokenizer cuts a script that it was not trained on into single letters or unknown tokens,
and all of that script's texts then look alike: with all-MiniLM-L6-v2 unrelated Telugu questions
have cosines over 0.9, which would make one family of everybody who writes Telugu. Such a text is
compared by its character n-grams instead, hashed into the model's dimension (the hashing trick,
Weinberger et al. 2009, arXiv 0902.2206), and a text that is partly known by a blend of both.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import HashingVectorizer

# The name of this preprocessing: part of the generation. Change it with anything below.
LEXICAL = "char-2-3/0.3-0.7"
_NGRAMS = (2, 3)
# Share of known tokens up to which only n-grams count, and from which only the model does.
_UNKNOWN, _KNOWN = 0.3, 0.7
_MAX_CHARS = 20_000


def known_share(
    text: str, offsets: Sequence[tuple[int, int]], ids: Sequence[int], unknown_id: int | None
) -> float:
    """Return the share of a text's tokens that mean something to the model.

    Unknown tokens do not, and neither do single letters beyond ASCII: a vocabulary that spells a
    word letter by letter does not have it.
    """
    if text.isascii() or not ids:
        return 1.0
    lost = sum(
        1
        for (start, end), token in zip(offsets, ids, strict=True)
        if token == unknown_id or (end - start == 1 and text[start] > "\x7f")
    )
    return 1.0 - lost / len(ids)


def model_weight(known: float) -> float:
    """Return how much of the vector is the model's, in [0, 1], by the share of known tokens."""
    return min(1.0, max(0.0, (known - _UNKNOWN) / (_KNOWN - _UNKNOWN)))


def blended(vector: npt.NDArray[np.float32], text: str, known: float) -> npt.NDArray[np.float32]:
    """Return the unit vector (d,) of a text, given the model's unit vector of it."""
    weight = model_weight(known)
    if weight == 1.0:
        return vector
    mixed = weight * vector + (1.0 - weight) * ngram_vector(text, len(vector))
    norm = float(np.linalg.norm(mixed))
    return np.asarray(mixed / norm if norm > 0 else vector, dtype=np.float32)


def ngram_vector(text: str, dimension: int) -> npt.NDArray[np.float32]:
    """Return the hashed character n-grams of a text, of unit length; zeros if it has none."""
    row = _vectorizer(dimension).transform([text[:_MAX_CHARS]])
    return np.asarray(row.toarray()[0], dtype=np.float32)


@lru_cache(maxsize=4)
def _vectorizer(dimension: int) -> HashingVectorizer:
    # Two seconds to import: see `simsvc.later`.
    from sklearn.feature_extraction.text import HashingVectorizer  # noqa: PLC0415

    return HashingVectorizer(
        analyzer="char", ngram_range=_NGRAMS, n_features=dimension, norm="l2", lowercase=True
    )
