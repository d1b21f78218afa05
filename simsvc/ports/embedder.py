"""Texts to vectors."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt


class Priority(enum.IntEnum):
    """Who goes first: an analyst who waits, then live prompts, then batch jobs."""

    LOOKUP = 0
    INGEST = 1
    BULK = 2


@dataclass(frozen=True, slots=True)
class Embedding:
    """A text's unit vector (d,), its tokens, and the windows it was embedded in."""

    vector: npt.NDArray[np.float32]
    tokens: int
    windows: int
    capped: bool


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What vectors are made with. Two vectors compare only if this is equal for both.

    `lexical` names how texts are embedded that the model has no words for.
    """

    model: str
    sha256: str
    dimension: int
    window_tokens: int
    max_windows: int
    dtype: str
    lexical: str = ""


class Embedder(Protocol):
    """Embeds texts. Safe to call from many tasks of one event loop."""

    @property
    def info(self) -> ModelInfo:
        """Return what the vectors are made with."""
        ...

    async def embed(self, texts: Sequence[str], priority: Priority) -> list[Embedding]:
        """Return one embedding a text. A cancelled call's texts are dropped from the queue."""
        ...

    def begin(self, texts: Sequence[str], priority: Priority) -> None:
        """Start on texts that `embed` may ask for next, if there is nothing else to do."""
        ...
