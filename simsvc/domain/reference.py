"""Reference sets: known data sets, and templates that are allowed."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


class ReferenceKind(enum.IntEnum):
    """The numbers are those of the wire."""

    DATA_SET = 1
    ALLOWED_TEMPLATE = 2


@dataclass(frozen=True, slots=True)
class ReferenceSet:
    """A set, without its items. `created_at` in µs."""

    name: str
    kind: ReferenceKind
    items: int
    created_at: int


@dataclass(frozen=True, slots=True)
class ReferenceItem:
    """An item: keyed hash, unit vector (d,), and shingles of 8 bytes each.

    `text` is kept as prompts' texts are, for the next model to embed; None where it was not read.
    """

    hash: bytes
    vector: npt.NDArray[np.float32]
    shingles: bytes
    text: str | None = None
